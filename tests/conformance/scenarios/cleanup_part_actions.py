"""mime_header_checks and nested_header_checks with every action of header_checks(5), in parts and attached messages; what the log calls them."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


ACTIONS = ["REJECT no", "DISCARD away", "HOLD wait", "WARN look", "INFO note", "IGNORE", "STRIP gone", "REPLACE X-New: value", "REPLACE", "REPLACE nonsense", "PREPEND X-Before: 1", "PREPEND text", "FILTER discard:", "FILTER nonsense", "REDIRECT other@z.example", "REDIRECT nowhere", "BCC more@z.example", "BCC x", "DUNNO", "OK", "PASS", "DELAY", "EAT it", "4.7.1 soft"]


def run(t):
    rows = "".join(f"/^X-(Mime|Nest)-{i}:/ {a}\n" for i, a in enumerate(ACTIONS))
    t.file("checks.re", rows + "if /^X-If/\n/one/ INFO first\nif !/two/\n/three/ WARN third\nendif\n/./ INFO any if\nendif\n/^X-Caps-(.*): *(.*)$/ REPLACE X-Found: $2 by $1\n")
    hop = catch(t, mime_header_checks="regexp:/etc/postfix/checks.re", nested_header_checks="regexp:/etc/postfix/checks.re"); t.start()
    for i, a in enumerate(ACTIONS):
        for kind in ("Mime", "Nest"):
            inner = f"X-{kind}-{i}: x\nX-Caps-Name: some value\n"
            part = f"--b\n{inner}\npart\n" if kind == "Mime" else f"--b\nContent-Type: message/rfc822\n\nSubject: inner\n{inner}\nnested\n"
            t.send(f"{kind.lower()}{i}@z.example", "r@z.example", f"Subject: {kind} {a}\nMime-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n{part}--b--\n")
    t.send("if@z.example", "r@z.example", "Subject: if\nContent-Type: multipart/mixed; boundary=b\n\n--b\nX-If: one\nX-If: two three\nX-If: three\nX-If: four\n\nx\n--b--\n")
    t.drain()
    for m in sorted(hop.messages, key=lambda m: m.split(b"Subject: ")[1]):
        text = m.decode("utf-8", "replace").replace("\r\n", "\n"); t.note(text.split("Subject: ")[1].split("\n")[0] + " -> " + "|".join(l for l in text.split("\n\n", 1)[1].split("\n") if l))
        t.note("   " + " ".join(sorted(l for l in text.split("\n") if l.startswith("RCPT"))))
    for row in sorted(f"{q['queue_name']} {q['sender']}" for q in t.queue()): t.note(row)
    t.log("cleanup.*(reject|discard|hold|warning|info|strip|replace|prepend|filter|redirect|bcc|pass|delay)", drop=("message-id",))
