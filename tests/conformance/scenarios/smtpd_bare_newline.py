"""smtpd_forbid_bare_newline in every spelling, with exclusions by address, name and table, and with codes; commands, DATA and BDAT; what the disconnect line notes."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", STRANGER)
    sets = [{"smtpd_forbid_bare_newline": v} for v in ("yes", "no")] + [{"smtpd_forbid_bare_newline": "yes", "smtpd_forbid_bare_newline_exclusions": e} for e in ("198.51.100.0/24", "198.51.100.7, 192.0.2.9", "!198.51.100.7, 0.0.0.0/0", "192.0.2.0/24")]
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_sender_restrictions="check_sender_access static:DUNNO"); P = ports(t, *sets); t.start()
    for kw, p in zip(sets, P):
        t.title(" ".join(kw.values()))
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); out = [ask(s, c) if isinstance(c, str) else ask(s, c) for c in (b"EHLO c.example\n", b"MAIL FROM:<a@z.example>\n", "RCPT TO:<alice@example.test>", "DATA")]; out[0] = out[0][:3]
        for end in (b"Subject: x\n\nbare\n\r\n.\r\n",): out.append(ask(s, end).split(" queued")[0])
        out += [ask(s, c).split(" queued")[0] for c in ("MAIL FROM:<b@z.example>", "RCPT TO:<alice@example.test>", b"BDAT 19 LAST\r\nSubject: y\n\nbdat\n\n\n", "NOOP")]
        t.note(" | ".join(out)); ask(s, "QUIT"); s.close()
    t.drain(); t.mail("alice", headers=("subject",)); t.log("disconnect|reject", drop=("localhost",))
