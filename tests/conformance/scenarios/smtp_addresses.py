"""Envelope addresses on the wire: quoting, the empty sender, odd local parts, address literals; with and without smtp_quote_rfc821_envelope; orig_to in the log."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    t.main(virtual_alias_maps="inline:{ alias@example.test=real@q.example }")
    q = onward.site(t, "q.example", "203.0.113.10")
    t.start()
    for to in ('"a b"@q.example', "a+b@q.example", '"a..b"@q.example', '".a"@q.example', '"a\\"b"@q.example', "o'brien=x@q.example", '"x@y"@q.example', '"a,b"@q.example', "alias@example.test", "UPPER@Q.EXAMPLE"):
        t.send('"s p"@example.test', [to])
    t.send("", ["u@[203.0.113.10]"])
    t.drain()
    t.log(r"postfix/smtp: ")
    q.note(messages=False)
