"""Servers that hang up in the middle: at MAIL, RCPT, DATA, within the content, after the dot; and what is tried next."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    all = onward.servers(t, {"mail": {"MAIL": "DROP"}, "rcpt": {"RCPT": "DROP"}, "data": {"DATA": "DROP"}, "dot": {".": "DROP"},
                             "mail421": {"MAIL": "421 4.3.2 bye"}, "rcpt421": {"RCPT": "421 4.3.2 bye"}})
    t.dns("two.example", "MX", "10 a.two.example", "20 b.two.example"); t.dns("a.two.example", "A", "203.0.113.18"); t.dns("b.two.example", "A", "203.0.113.19")
    t.sink("203.0.113.18", name="a.two.example", script={"RCPT": "DROP"}); spare = t.sink("203.0.113.19", name="b.two.example")
    t.start()
    onward.each(t, "alice@example.test", [f"u@{n}.example" for n in all] + ["u@two.example"])
    t.log(r"postfix/smtp: ")
    spare.note(); t.showq()
