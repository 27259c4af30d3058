"""Mail that would come back: this host as the only, best, or worse exchanger, by address or by name; best_mx_transport, relayhost and proxy_interfaces."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    t.main(proxy_interfaces="203.0.113.17", smtp_randomize_addresses="no")
    t.dns("only.example", "MX", "10 foo.example.test"); t.dns("best.example", "MX", "10 foo.example.test", "20 b.example")
    t.dns("worse.example", "MX", "10 b.example", "20 foo.example.test"); t.dns("same.example", "MX", "10 b.example", "10 foo.example.test"); t.dns("b.example", "A", "203.0.113.10")
    t.dns("lost.example", "MX", "5 gone.lost.example", "10 foo.example.test"); t.dns("direct.example", "A", "192.0.2.1"); t.dns("proxy.example", "A", "203.0.113.17")
    b = t.sink("203.0.113.10", name="b.example")
    t.dns("named.example", "A", "203.0.113.11"); t.sink("203.0.113.11", name="foo.example.test")
    t.dns("twin.example", "MX", "10 m1.twin.example", "20 m2.twin.example"); t.dns("m1.twin.example", "A", "203.0.113.15"); t.dns("m2.twin.example", "A", "203.0.113.11")
    t.start()
    onward.each(t, "", [f"u@{d}.example" for d in ("only", "best", "worse", "same", "lost", "direct", "proxy", "named", "twin")])
    t.log(r"postfix/smtp: "); b.note(messages=False); t.showq()
