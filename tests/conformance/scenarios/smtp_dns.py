"""What name service can say: null MX, no such domain, no address, server failure, MX that is an address, CNAME loops, odd names, many exchangers."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    s = t.sink("203.0.113.10", name="mail.good.example")
    t.dns("good.example", "MX", "10 mail.good.example"); t.dns("mail.good.example", "A", "203.0.113.10")
    t.dns("null.example", "MX", "0 ."); t.dns("fail.example", "MX", "SERVFAIL"); t.dns("afail.example", "A", "SERVFAIL")
    t.dns("nohost.example", "MX", "10 nowhere.nohost.example"); t.dns("halfhost.example", "MX", "10 nowhere.halfhost.example", "20 mail.good.example")
    t.dns("softhost.example", "MX", "10 broken.softhost.example"); t.dns("broken.softhost.example", "A", "SERVFAIL")
    t.dns("ip.example", "MX", "10 203.0.113.10"); t.dns("txt.example", "TXT", '"no mail"'); t.dns("a.example", "A", "203.0.113.10")
    t.dns("cname.example", "CNAME", "good.example"); t.dns("dangling.example", "CNAME", "gone.elsewhere.example"); t.dns("loop1.example", "CNAME", "loop2.example"); t.dns("loop2.example", "CNAME", "loop1.example")
    t.dns("odd.example", "MX", "10 under_score.odd.example"); t.dns("under_score.odd.example", "A", "203.0.113.10")
    t.start()
    onward.each(t, "", [f"u@{d}.example" for d in ("good", "null", "fail", "afail", "nohost", "halfhost", "softhost", "ip", "txt", "a", "cname", "dangling", "loop1", "odd")] + ["u@nowhere.invalid", "u@sub.null.example"])
    t.log(r"postfix/smtp: "); t.showq()
    s.note(messages=False)
