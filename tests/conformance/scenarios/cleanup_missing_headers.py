"""Missing headers: who gets them, Date, From and Message-Id, undisclosed recipients, always_add_missing_headers, full names."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    hop = catch(t); t.start()
    def go(what, body, src="127.0.0.1", **kw):
        t.title(what)
        if kw: t.main(**kw); t.reload()
        t.send("\"se nder\"@z.example", "r@example.test", body, src=src, dst=ME if src != "127.0.0.1" else src); t.drain(); hop.note(); hop.sessions.clear(); hop.messages.clear()
    go("nothing but a body", "\nbody\n")
    go("from a stranger", "Subject: x\n\nbody\n", src=STRANGER)
    go("all there", message(*FULL))
    go("always", "Subject: x\n\nbody\n", src=STRANGER, always_add_missing_headers="yes")
    go("undisclosed", "Subject: x\n\nbody\n", undisclosed_recipients_header="To: undisclosed-recipients:;")
    go("not undisclosed with Cc", "Cc: x@z.example\n\nbody\n"); go("undisclosed with Bcc", "Bcc: x@z.example\n\nbody\n")
    go("bad undisclosed header", "Subject: x\n\nbody\n", undisclosed_recipients_header="nonsense text")
    t.main(undisclosed_recipients_header=""); t.reload()
    for f in ("Joe User", "Joe (x) U.", "\"Q\" \\ B", "  sp  aces ", "J\u00f6rg M\u00fcller"):
        t.title(f); t.sendmail(f"-F '{f}' -f joe@z.example r@example.test", "Subject: x\n\nx\n"); t.drain(); hop.note(headers=("from",)); hop.sessions.clear(); hop.messages.clear()
    t.main(header_from_format="obsolete"); t.reload()
    for f in ("Joe User", "Joe (x) U."):
        t.title("obsolete " + f); t.sendmail(f"-F '{f}' -f joe@z.example r@example.test", "Subject: x\n\nx\n"); t.drain(); hop.note(headers=("from",)); hop.sessions.clear(); hop.messages.clear()
    t.log("message-id=", "warning.*undisclosed", drop=("dummy",))
