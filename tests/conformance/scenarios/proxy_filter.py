"""smtpd_proxy_filter: a before-queue filter that takes, refuses, vanishes or talks nonsense at each stage; XFORWARD for it; speed_adjust."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    bad = {"greet": {"connect": "554 no"}, "greet3": {"connect": "354 what"}, "ehlo": {"EHLO": "500 what"}, "xforward": {"XFORWARD": "501 no"}, "mail": {"MAIL": "550 5.1.8 no sender\u00fc"}, "rcpt": {"RCPT": lambda c: "550 5.1.1 not bob" if "bob" in c else "250 ok"}, "data": {"DATA": "451 later"}, "end": {".": "550-5.7.1 bad\r\n550 5.7.1 content"}, "end3": {".": "354 more"},
           "close": {"connect": "close"}, "closemail": {"MAIL": "close"}, "closedata": {"DATA": "close"}, "closeend": {".": "close"}, "garbage": {"MAIL": "hello\r\n250 ok"}, "long": {"MAIL": "250-" + "x" * 3000 + "\r\n250 ok"}, "silent": {"RCPT": None}}
    good = Filter("127.0.0.1:10025", onward=10026); plain = Filter("127.0.0.1:10027", offer=("8BITMIME",)); few = Filter("/tmp/filter.sock", offer=("xforward name Addr helo IDENT",))
    for i, (k, a) in enumerate(bad.items()): Filter(f"127.0.0.1:{10030 + i}", a)
    P = ports(t, {"smtpd_proxy_filter": "127.0.0.1:10025"}, {"smtpd_proxy_filter": "inet:localhost:10027", "smtpd_proxy_ehlo": "my.ehlo"}, {"smtpd_proxy_filter": "unix:/tmp/filter.sock"}, {"smtpd_proxy_filter": "10025", "smtpd_proxy_options": "speed_adjust"}, {"smtpd_proxy_filter": "127.0.0.1:9"}, {"smtpd_proxy_filter": "127.0.0.1:9", "smtpd_proxy_options": "speed_adjust"}, {"smtpd_proxy_filter": "127.0.0.1:10025", "smtpd_delay_open_until_valid_rcpt": "no", "message_size_limit": "1000"})
    Q = ports(t, *[{"smtpd_proxy_filter": f"127.0.0.1:{10030 + i}", "smtpd_proxy_timeout": "1s"} for i in range(len(bad))], base=2020); R = ports(t, *[{"smtpd_proxy_filter": f"127.0.0.1:{10030 + i}", "smtpd_proxy_options": "speed_adjust", "smtpd_proxy_timeout": "1s"} for i in range(len(bad))], base=2050)
    t.master("127.0.0.1:10026 inet n - n - - smtpd\n  -o smtpd_authorized_xforward_hosts=127.0.0.0/8\n  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks\n")
    t.file("access", "pre@z.example PREPEND X-Prepended: 1\nhold@z.example HOLD\n"); t.main(smtpd_error_sleep_time="0", smtpd_sender_restrictions="check_sender_access texthash:/etc/postfix/access", header_checks="regexp:/etc/postfix/checks"); t.file("checks", "/^Subject: forbidden/ REJECT\n")
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", "198.51.100.7"); t.start()
    text = "Subject: {0}\n\nline\n.dot\n..two\n"
    for p in P:
        t.title(f"port {p}"); talk(t, "MAIL FROM:<pre@z.example> SIZE=100", "RCPT TO:<alice@example.test>", "RCPT TO:<nobody@example.test>", "RCPT TO:<bob@example.test> NOTIFY=NEVER", "DATA", (text.format(p),), "MAIL FROM:<b@z.example>", "RCPT TO:<alice@example.test>", "RSET", "MAIL FROM:<>", "RCPT TO:<alice@example.test>", b"BDAT 14\r\nSubject: b\r\n\r\n", b"BDAT 7 LAST\r\n.body\r\n", port=p)
    t.note("too big: " + mail(t, "Subject: big\n\n" + "x" * 2000 + "\n", port=P[-1])); t.note("forbidden: " + mail(t, "Subject: forbidden\n\n", port=P[0]))
    for n, ps in (("at once", Q), ("speed_adjust", R)):
        for k, p in zip(bad, ps): t.title(f"{k} {n}"); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<bob@example.test>", "DATA", (text.format(k),), "MAIL FROM:<c@z.example>", port=p) if k != "silent" or ps is Q else None
    t.drain(); time.sleep(1); good.note(t); plain.note(t); few.note(t); t.mail("alice", headers=("received", "subject", "x-filtered", "x-prepended")); t.showq(); t.log("proxy|client=|warning: ", drop=("required alias",))
