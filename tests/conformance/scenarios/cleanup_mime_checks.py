"""header_checks, mime_header_checks and nested_header_checks: which table sees which header."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


BODY = """Content-Type: MULTIPART/mixed; (comment) boundary="b 1"
Subject: top
X-Top: 1

preamble
X-Pre: 1
--b 1
Content-Type: text/plain
X-Part: 1

X-Body: 1
--b 1
Content-Type: message/rfc822

Subject: nested
X-Nested: 1
Content-Type: multipart/digest; boundary=in

--in

X-Digest: 1

digest body
--in--
--b 1 trailing words
X-Part: 2
no header here
X-After: 1
--b 1--
X-Epilogue: 1
"""


def run(t):
    for n in ("h", "m", "n"): t.file(n, f"/^(.*)/ WARN {n} saw $1\n")
    hop = catch(t, header_checks="regexp:/etc/postfix/h", mime_header_checks="regexp:/etc/postfix/m", nested_header_checks="regexp:/etc/postfix/n"); t.start()
    def go(what, **kw):
        t.title(what); t.logs.clear()
        if kw: t.main(**kw); t.reload()
        t.send("s@z.example", "r@z.example", "\n".join(FULL) + "\n" + BODY); t.drain(); t.log("cleanup.*warning", sort=False)
    go("three tables"); hop.note()
    go("no MIME", disable_mime_input_processing="yes")
    go("default tables", disable_mime_input_processing="no", mime_header_checks="$header_checks", nested_header_checks="$header_checks")
    go("only nested", header_checks="", mime_header_checks="", nested_header_checks="regexp:/etc/postfix/n")
