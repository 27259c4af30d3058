"""body_checks: every action, the size limit, long lines in pieces, and parts of a message."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


CHECKS = """/^reject$/ REJECT
/^reject (.*)/ REJECT 5.7.9 no $1
/^later/ REJECT 4.7.9 wait
/^wrong/ REJECT 2.0.0 what
/^discard/ DISCARD gone
/^hold/ HOLD
/^warn/ WARN look
/^info/ INFO note
/^ignore/ IGNORE
/^strip/ STRIP taken
/^replace (.*)/ REPLACE with $1
/^prepend/ PREPEND before
/^filter/ FILTER smtp:[203.0.113.17]
/^badfilter/ FILTER smtp
/^emptyfilter/ FILTER
/^redirect/ REDIRECT other@z.example
/^badredirect/ REDIRECT nobody
/^bcc/ BCC more@z.example
/^pass/ PASS
/^unknown/ FROBNICATE
/^empty/ REPLACE
/END$/ WARN end of a long line
/^after limit/ WARN not seen
"""


def run(t):
    t.file("b", CHECKS); hop = catch(t, body_checks="regexp:/etc/postfix/b"); t.start()
    for w in ("reject", "reject you", "later", "wrong", "discard", "warn", "info", "ignore", "strip", "replace it", "prepend", "filter", "badfilter", "emptyfilter", "redirect", "badredirect", "bcc", "unknown", "empty", "pass"):
        t.title(w); t.send("s@z.example", "r@z.example", message("Subject: x", body=f"one\n{w}\nwarn two\nend")); t.drain(); hop.note(headers=("subject",)); hop.sessions.clear(); hop.messages.clear()
    t.title("a long line"); t.send("s@z.example", "r@z.example", message("Subject: x", body="x" * 2045 + "END" + "y" * 10)); t.drain()
    t.main(body_checks_size_limit="30"); t.reload()
    t.title("the limit"); t.send("s@z.example", "r@z.example", message("Subject: x", body="x" * 40 + "\nafter limit")); t.drain()
    t.send("s@z.example", "r@z.example", message("Content-Type: multipart/mixed; boundary=b", body="--b\n\n" + "x" * 40 + "\nafter limit\n--b\nX-Part: 2\n\nwarn part two\n--b--\nwarn epilogue")); t.drain()
    t.title("held"); t.send("s@z.example", "r@z.example", message("Subject: x", body="hold")); t.drain(); t.showq()
    t.log("cleanup.*(reject|discard|hold|warning|info|strip|replace|prepend|filter|redirect|bcc|pass):", "cleanup.*warning: ", drop=("message-id",))
