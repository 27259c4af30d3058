"""XCLIENT: every attribute, right and wrong, and how a session goes on after it: greeting, checks, log, Received."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.file("access", "203.0.113.77 REJECT not you\nspam.example REJECT nor you\n")
    P = ports(t, {"smtpd_authorized_xclient_hosts": "127.0.0.1", "smtpd_client_restrictions": "check_client_access texthash:/etc/postfix/access"}, {"smtpd_authorized_xclient_hosts": "127.0.0.1", "smtpd_delay_reject": "no", "smtpd_client_restrictions": "check_client_access texthash:/etc/postfix/access"},
              {"smtpd_authorized_xclient_hosts": "static:all", "smtpd_client_port_logging": "yes"}, {"smtpd_authorized_xclient_hosts": "127.0.0.1", "smtpd_discard_ehlo_keywords": "xclient"})
    t.start()
    t.title("who may"); talk(t, "XCLIENT ADDR=192.0.2.9", port=P[0]); talk(t, "XCLIENT", "XCLIENT ADDR=192.0.2.9", src="127.0.0.1", port=P[3])
    for p in P[:3]: s = t.smtp(src="127.0.0.1", dst=ME, port=p, quiet=True); t.note(ask(s, "EHLO x")); ask(s, "QUIT"); s.close()
    t.title("syntax"); talk(t, "XCLIENT", "XCLIENT FOO", "XCLIENT FOO=bar", "XCLIENT NAME=", "XCLIENT NAME=-bad-", "XCLIENT NAME=a..b", "XCLIENT REVERSE_NAME=a+20b.example", "XCLIENT ADDR=1.2.3", "XCLIENT ADDR=::1", "XCLIENT ADDR=IPv6:2001:db8::1", "XCLIENT PORT=123456", "XCLIENT PORT=x", "XCLIENT PROTO=LMTP", "XCLIENT DESTADDR=x", "XCLIENT DESTPORT=y", "XCLIENT NAME=" + "a" * 256, "MAIL FROM:<a@z.example>", "XCLIENT ADDR=192.0.2.9", src="127.0.0.1", port=P[0])
    for title, *words in (("all", "NAME=mail.client.example ADDR=203.0.113.50 PORT=1234 HELO=he.lo PROTO=esmtp REVERSE_NAME=rev.client.example DESTADDR=192.0.2.200 DESTPORT=587 LOGIN=joe"), ("unavailable", "NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] HELO=[UNAVAILABLE] LOGIN=[UNAVAILABLE] DESTADDR=[UNAVAILABLE] DESTPORT=[UNAVAILABLE] PROTO=SMTP"),
                          ("temporary", "NAME=[TEMPUNAVAIL] REVERSE_NAME=[tempunavail] ADDR=203.0.113.51"), ("refused address", "ADDR=203.0.113.77"), ("refused name", "NAME=spam.example ADDR=203.0.113.52 HELO=x<y>z+20@"), ("twice", "ADDR=127.0.0.1 NAME=localhost", "ADDR=203.0.113.53 PROTO=ESMTP HELO=second")):
        for p in P[:3]:
            t.title(f"{title} on {p}"); s = t.smtp(src="127.0.0.1", dst=ME, port=p, quiet=True); ask(s, "EHLO first.example")
            for w in words: t.note(f"XCLIENT {w} -> {ask(s, 'XCLIENT ' + w)}")
            for c in ("MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<x@far.example>", "DATA"):
                r = ask(s, c); t.note(f"{c} -> {r}")
            if r[:3] == "354": t.note(quietly(t, s, f"Subject: {title} {p}\n\n"))
            t.note(ask(s, "EHLO after.example").split(" / ")[0]); t.note(ask(s, "QUIT")); s.close()
    t.drain(); t.mail("alice", headers=("received", "subject")); t.log("smtpd: ", drop=("sasl.*far.example", "far.example.*he.lo"))
