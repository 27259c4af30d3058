"""One message cut into random chunks: BDAT with every size, lines and dots across the seams, and what is delivered; the same by DATA in random pieces."""
import pathlib, sys, time; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *
from chance import *

PIECES = [b"Subject: s\r\n", b"X-A: b\r\n", b" folded\r\n", b"\r\n", b"line\r\n", b".\r\n", b"..\r\n", b".x\r\n", b"long " + b"y" * 3000 + b"\r\n", b"\xc3\xbc\r\n", b"From x\r\n", b"nul\0l\r\n", b"lone\rcr\r\n", b"bare\nlf\r\n", b"\r\r\n", b"no end", b"\tt\r\n", b"z" * 998 + b"\r\n", b"X:\r\n"]


def run(t):
    hop = catch(t, smtpd_forbid_bare_newline="no", smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", message_size_limit="20000"); t.start(); r = Chance(5)
    for i in range(70):
        body = f"X-Id: {i}\r\n".encode() + b"".join(r.some(PIECES, 1, 9)); s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO c.example"); ask(s, "MAIL FROM:<a@z.example>"); ask(s, "RCPT TO:<r@example.test>"); out = []
        if i % 3:
            cuts = sorted(r.randint(0, len(body)) for _ in range(r.randint(0, 6))); parts = [body[a:b] for a, b in zip([0] + cuts, cuts + [len(body)])]
            for k, part in enumerate(parts): out.append(ask(s, f"BDAT {len(part)}{' LAST' if k == len(parts) - 1 else ''}\r\n".encode() + part))
        else:
            ask(s, "DATA"); raw = body.replace(b"\r\n.", b"\r\n..") + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n"; at = 0
            while at < len(raw): n = r.choice([1, 2, 3, 7, 100, 5000]); s.s.sendall(raw[at:at + n]); at += n
            out.append(ask(s, b""))
        t.note(f"{i}: " + " | ".join(o.split(" queued")[0] for o in out)); ask(s, "QUIT"); s.close()
    t.drain(40); import re
    for m in sorted(hop.messages, key=lambda m: int(re.search(rb"X-Id: (\d+)", m)[1])): t.note(repr(re.sub(rb"Received: from.*?\n(?=\S)|(Message-Id|Date|From|MAIL|RCPT).*?\n(?=\S|\n|\r)", b"", re.sub(rb"y{50,}|z{50,}", lambda x: f"<{len(x[0])}>".encode(), m), flags=re.S)))
    without_numbers(t); t.log("smtpd: .*(warning|reject)|cleanup: .*(warning|reject)", drop=("localhost",))
