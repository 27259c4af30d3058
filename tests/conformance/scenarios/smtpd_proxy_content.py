"""What a before-queue filter gets: BDAT, bare line ends, long lines, dots, From lines, leading blanks, 8-bit and SMTPUTF8 content, sizes; HOLD, PREPEND and other wishes beside it; header checks behind it."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    f = Filter("127.0.0.1:9947"); t.file("acc", "prep@z.example PREPEND X-Acc: 1\nhold@z.example HOLD x\nbcc@z.example BCC carol@example.test\nred@z.example REDIRECT bob@example.test\nfilt@z.example FILTER discard:\ndisc@z.example DISCARD gone\n")
    P = ports(t, {"smtpd_proxy_filter": "127.0.0.1:9947", "smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/acc", "message_size_limit": "20000"}, {"smtpd_proxy_filter": "127.0.0.1:9947", "smtpd_proxy_options": "speed_adjust", "smtpd_forbid_bare_newline": "no"}); t.start()
    texts = {"plain": b"Subject: a\r\n\r\nb\r\n.\r\n", "dots": b"Subject: d\r\n\r\n..one\r\n...two\r\n.\r\n", "bare": b"Subject: b\r\n\r\na\nb\r\n.\r\n", "from": b"From x\r\nSubject: f\r\n\r\nFrom y\r\n.\r\n", ">from": b">From x\r\nSubject: f\r\n\r\n.\r\n", "blank": b" starts with blank\r\nSubject: s\r\n\r\nx\r\n.\r\n", "empty": b".\r\n", "long": b"Subject: l\r\n\r\n" + b"x" * 5000 + b"\r\n.\r\n", "nul": b"Subject: n\r\n\r\na\0b\r\n.\r\n", "eight": "Subject: caf\u00e9\r\n\r\n\u00fc\r\n.\r\n".encode()}
    for p in P:
        for k, b in texts.items(): t.note(f"{k}: " + mail(t, b, port=p, raw=True))
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); out = [ask(s, c) for c in ("MAIL FROM:<a@z.example> BODY=8BITMIME SIZE=100 RET=HDRS ENVID=x", "RCPT TO:<alice@example.test> NOTIFY=NEVER ORCPT=rfc822;a@b", b"BDAT 14\r\nSubject: x\r\n\r\n", b"BDAT 4\r\na\nb\n", b"BDAT 5 LAST\r\n.\r\nzz", "MAIL FROM:<\u00fc@z.example> SMTPUTF8", "RCPT TO:<alice@example.test>", "DATA", b"Subject: u\r\n\r\nx\r\n.\r\n", "QUIT")]; s.close(); t.note(" | ".join(out))
    for k in ("prep", "hold", "bcc", "red", "filt", "disc"): t.note(f"{k}: " + mail(t, f"Subject: {k}\n\nx\n", frm=f"{k}@z.example", port=P[0]))
    t.note("big: " + mail(t, "Subject: big\n\n" + "x" * 70 * 400 + "\n", port=P[0])); t.note("many: " + mail(t, "Subject: many\n\n" + "x" * 70 + "\n" * 400, port=P[0]))
    time.sleep(0.3); f.note(t); t.log("proxy|warning|hold|redirect|filter", drop=("localhost",))
