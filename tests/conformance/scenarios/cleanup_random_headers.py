"""Header fields with random names and address lists made of random pieces, from strangers and our own clients: what is delivered."""
import pathlib, random, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *

SEED, N = 1, 90
NAMES = ["From", "To", "Cc", "Bcc", "Reply-To", "Sender", "Resent-From", "Resent-To", "Errors-To", "Return-Receipt-To", "Disposition-Notification-To", "Subject", "X-A", "Received", "Date", "Message-Id", "Content-Type", "Return-Path", "Delivered-To", "Apparently-To", "Mail-Followup-To", "Content-Length", "Resent-Date", "Resent-Message-Id", "Resent-Bcc", "Content-Transfer-Encoding"]
TOK = ["joe", "a.b", "z.example", "example.test", "@", "@", "@", ".", "\"", "\"Joe D.\"", "\"x@y\"", "\\", "<", ">", "<joe@z.example>", "<joe>", "joe@z.example", "(c)", "(c (d))", "(", ")", ",", ", ", ";", ":", "Group: ", "[", "]", "[1.2.3.4]", "%", "!", " ", " ", "\t", "\n ", "\n\t", "ü", "=?utf-8?q?x?=", "@r:joe@z.example", "+ext", "\x01", "J.", "localhost", "\\,"]


def run(t):
    t.file("canon", "joe@example.test joseph@c.example\njoe@z.example jz@c.example\n@old.example @new.example\n")
    hop = catch(t, canonical_maps="texthash:/etc/postfix/canon", append_dot_mydomain="yes", remote_header_rewrite_domain="domain.invalid", smtpd_hard_error_limit="1000", recipient_delimiter="+", always_add_missing_headers="no"); t.start(); r = random.Random(SEED)
    for i in range(N):
        lines = [f"X-Number: {i}"]
        for _ in range(r.randint(1, 5)):
            v = "".join(r.choice(TOK) for _ in range(r.randint(0, 8))); lines.append(f"{r.choice(NAMES)}{r.choice([':', ': ', ' : ', ':  '])}{v}")
        src = "127.0.0.1" if i % 2 else STRANGER
        s = t.smtp(src=src, dst=ME if src == STRANGER else "127.0.0.1", quiet=True); ask(s, "EHLO client.example.org"); ask(s, "MAIL FROM:<s@z.example>"); ask(s, "RCPT TO:<r@example.test>"); g = ask(s, "DATA")
        got = quietly(t, s, "\n".join(lines) + "\n\nx\n"); ask(s, "QUIT"); s.close()
        if got[:3] != "250": t.note(f"{i}: {got}")
    t.drain(60)
    import re
    msgs = {int(re.search(rb"X-Number: (\d+)", m).group(1)): m for m in hop.messages}
    for i in sorted(msgs):
        for l in msgs[i].decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
            if not re.match(r"(Received: from (client|local)|\tby foo|\tfor <r@|\tid |MAIL FROM)", l): t.note(f"{i} | {l}")
    t.log("(smtpd|cleanup): .*(reject|warning)", drop=("localhost",))
