"""message_size_limit in all places: SIZE, DATA, BDAT, sendmail, long headers; how sizes count with bare and long lines; queue_minfree; mailbox limits that contradict."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(message_size_limit="3000", mailbox_size_limit="0", smtpd_hard_error_limit="1000"); P = ports(t, {"message_size_limit": "200"}, {"queue_minfree": "900000000000000"}, {"message_size_limit": "0"}, {"smtpd_discard_ehlo_keywords": "size", "message_size_limit": "200"}, {"smtpd_forbid_bare_newline": "no", "message_size_limit": "60"}); t.start()
    def content(n, line=70): return b"".join(b"x" * (line - 2) + b"\r\n" for _ in range(n // line)) + b"." + b"\r\n"
    for n in (70, 140, 210, 2940, 3010): t.note(f"{n}: " + mail(t, content(n), raw=True)); t.note(f"{n} on {P[0]}: " + mail(t, content(n), raw=True, port=P[0]))
    for k, b in {"exactly 200": b"x" * 198 + b"\r\n.\r\n", "201": b"x" * 199 + b"\r\n.\r\n", "no end": b"x" * 500 + b"\r\n.\r\n", "empty lines": b"\r\n" * 100 + b".\r\n", "one more": b"\r\n" * 101 + b".\r\n", "bare": b"\n" * 100 + b"\r\n.\r\n", "dots": b"..\r\n" * 70 + b".\r\n"}.items(): t.note(f"{k}: " + mail(t, b, raw=True, port=P[0])); t.note(f"{k}, 60: " + mail(t, b, raw=True, port=P[4]))
    for p in P[:4]: t.title(f"port {p}"); talk(t, "MAIL FROM:<a@z.example> SIZE=199", "RSET", "MAIL FROM:<a@z.example> SIZE=200", "RSET", "MAIL FROM:<a@z.example> SIZE=201", "RSET", "MAIL FROM:<a@z.example> SIZE=0", "RCPT TO:<alice@example.test>", b"BDAT 198\r\n" + b"x" * 198, b"BDAT 5 LAST\r\nx\r\nyz", "NOOP", port=p)
    t.sendmail("-i alice", stdin="Subject: big\n\n" + "x" * 70 * 60 + "\n"); t.sendmail("-i alice", stdin="Subject: small\n\nx\n"); t.drain()
    t.log("size limit|warning: (not enough|.*exceed)|too big|insufficient", drop=("localhost", "postfix/cleanup"))
