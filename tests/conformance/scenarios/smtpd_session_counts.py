"""The statistics of the disconnect line: commands that succeed, fail, are unknown, come too early or behind the end; EHLO and HELO, AUTH, TLS refused, BDAT, many messages in one session."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="6", smtpd_soft_error_limit="100", disable_vrfy_command="no"); P = ports(t, {"smtpd_helo_required": "yes", "smtpd_delay_reject": "no", "smtpd_sender_restrictions": "reject_non_fqdn_sender"}, {"smtpd_client_restrictions": "reject", "smtpd_delay_reject": "no"}, {"smtpd_timeout": "1s"}, {"smtpd_client_restrictions": "check_client_access static:{421 4.7.1 later}"}); t.start()
    sessions = [((), 25), (("QUIT",), 25), (("HELO a", "EHLO b", "HELO", "EHLO", "RSET", "RSET x"), 25), (("MAIL FROM:<a@z.example>", "MAIL FROM:<b@z.example>", "RSET", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<no@example.test>", "DATA", ("Subject: 1\n\n",), "MAIL FROM:<a@z.example>", "RCPT TO:<bob@example.test>", b"BDAT 3 LAST\r\nx\r\n", "BDAT x"), 25),
                (("AUTH PLAIN x", "STARTTLS", "XCLIENT A=b", "XFORWARD A=b", "VRFY alice", "VRFY no-one", "ETRN x.example", "NOOP"), 25), (("FOO", "BAR", "BAZ", "QUX", "QUUX", "CORGE", "NOOP"), 25), (("mail from:<a@z.example>", "Rcpt To:<alice@example.test>", "data", ("Subject: lower\n\n",), "noop", "quit"), 25), (("MAIL FROM:<a@z>", "HELO x", "MAIL FROM:<a@z>", "MAIL FROM:<a@z.example>"), P[0]), (("EHLO x", "MAIL FROM:<a@z.example>", "NOOP"), P[1]), (("NOOP",), P[3]), (("MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>"), P[3]), (("GET / HTTP/1.1",), 25)]
    for commands, p in sessions:
        t.title(str(p)); talk(t, *commands, port=p, helo=None if commands[:1] and str(commands[0])[:4] in ("HELO", "EHLO", "QUIT") or p == P[0] else "EHLO c.example")
        time.sleep(0.15)
        for l in [l for l in t.logs if "disconnect from unknown" in l]: t.note(t.norm(l))
        t.logs.clear()
    s = t.smtp(src=STRANGER, dst=ME, port=P[2], quiet=True); ask(s, "EHLO c.example"); ask(s, "NOOP"); t.note(ask(s, b"")); s.close(); s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO x"); s.s.sendall(b"MAIL FROM:<a@z.exam"); s.close(); t.log("disconnect", drop=("localhost",))
