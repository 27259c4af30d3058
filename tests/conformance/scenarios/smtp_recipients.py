"""Several recipients in one session: accepted, refused for good, refused for now, and what a second server gets of them."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    t.dns("x.example", "MX", "10 a.x.example", "20 b.x.example"); t.dns("a.x.example", "A", "203.0.113.10"); t.dns("b.x.example", "A", "203.0.113.11")
    a = t.sink("203.0.113.10", name="a.x.example", script={"RCPT no@x.example": "550 5.1.1 <no@x.example>: unknown", "RCPT later@x.example": "450 4.2.0 <later@x.example>: greylisted", "RCPT odd@x.example": "354 odd"})
    b = t.sink("203.0.113.11", name="b.x.example", script={"RCPT later@x.example": "451 4.2.0 still not"})
    none = onward.site(t, "none.example", "203.0.113.12", script={"RCPT": "550 5.1.1 nobody here"})
    one = onward.site(t, "one.example", "203.0.113.13", ehlo=(), script={"RCPT": "550 5.1.1 nobody here"})
    dsn = onward.site(t, "dsn.example", "203.0.113.14", ehlo=("DSN", "PIPELINING"), script={"RCPT": ["250 2.1.5 Ok", "550 5.1.1 not you"]})
    t.start()
    t.send("", ["yes@x.example", "no@x.example", "later@x.example", "odd@x.example", "also@x.example"]); t.drain()
    t.send("", ["a@none.example", "b@none.example"]); t.send("", ["a@one.example", "b@one.example"]); t.send("", ["a@dsn.example", "b@dsn.example"]); t.drain()
    t.log(r"postfix/smtp: ")
    for s in (a, b, none, one, dsn): s.note(messages=False)
    t.showq()
