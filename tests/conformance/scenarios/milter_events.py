"""What a milter is told, with macros: connect to quit, two messages in a session, RSET, refused recipients, commands that are none, long bodies."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    a = Milter("127.0.0.1:9901", macros=True)
    b = Milter("/tmp/b.sock", offer=(6, 0x1ff, 1 << 11 | 1 << 20), lists=((0, "j {client_addr} {client_name} {client_ptr} {client_resolve} {daemon_port}"), (3, "{rcpt_mailer} {rcpt_host} {rcpt_addr}"), (5, "{client_addr} i")), macros=True)
    P = ports(t, dict(smtpd_milters="inet:127.0.0.1:9901"), dict(smtpd_milters="unix:/tmp/b.sock"), dict(smtpd_milters="inet:localhost:9901", smtpd_delay_reject="no", smtpd_helo_restrictions="reject_invalid_helo_hostname"))
    t.main(milter_macro_daemon_name="a daemon", milter_macro_defaults="{cipher}=none, {tls_version}=no", milter_helo_macros="{cipher} {tls_version} {cert_subject}",
           milter_unknown_command_macros="j", milter_mail_macros="i {mail_addr} {mail_host} {mail_mailer} {auth_type}", milter_end_of_header_macros="i j", milter_connect_macros="j {daemon_name} {daemon_addr} v _ {client_connections} {client_resolve}")
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", "198.51.100.7"); t.start()
    msg = "Subject: one\nX-Folded: a\n  b\n\tc\nX-Tight:x\nX-Empty:\nTo: <alice@example.test>\n\nline\n.dot\n\nlast\n"
    for p in P[:2]:
        talk(t, "MAIL FROM:<u@z.example> SIZE=100 BODY=8BITMIME", "RCPT TO:<alice+x@example.test> NOTIFY=NEVER", "RCPT TO:<nobody@example.test>", "RCPT TO:<x@far.example>", "DATA", (msg,), "XYZZY", "MAIL FROM:<>", "RSET", "NOOP", "VRFY alice",
             "HELO again", "MAIL FROM:u2@z.example", "RCPT TO:bob@example.test", "DATA", ("no header\n",), port=p)
    t.title("BDAT, a long body, nothing but header"); s = t.smtp(src=STRANGER, dst=ME, port=P[0], quiet=True); ask(s, "EHLO x")
    for c in ("MAIL FROM:<u@z.example>", "RCPT TO:<alice@example.test>", b"BDAT 14\r\nSubject: b\r\n\r\n", b"BDAT 6 LAST\r\nbody\r\n"): t.note(ask(s, c))
    for body in ("Subject: l\n\n" + ("y" * 99 + "\n") * 1400 + "end", "Subject: only\n", "Subject: none\n\n", "A: b\n\n" + "z" * 5000 + "\n"):
        for c in ("MAIL FROM:<u@z.example>", "RCPT TO:<alice@example.test>", "DATA"): ask(s, c)
        t.note(quietly(t, s, body))
    ask(s, "QUIT"); s.close()
    talk(t, "RCPT TO:<x@y.example>", port=P[2], helo="EHLO -bad-"); 
    s = t.smtp(src=STRANGER, dst=ME, port=P[0], quiet=True); ask(s, "EHLO x"); ask(s, "MAIL FROM:<u@z.example>"); ask(s, "RCPT TO:<alice@example.test>"); ask(s, "QUIT"); s.s.close()
    t.drain(); a.note(t, t.norm); b.note(t, t.norm); t.log("milter|warning")
