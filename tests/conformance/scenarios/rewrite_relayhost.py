"""relayhost in every form, sender_dependent_relayhost_maps, sender_dependent_default_transport_maps, and the keys of the null sender."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.dns("mx.example", "MX", "10 in.mx.example"); t.dns("in.mx.example", "A", "203.0.113.11"); t.dns("host.example", "A", "203.0.113.12")
    sinks = [t.sink(ip, port=p, name=n) for ip, p, n in (("203.0.113.11", 25, "mx"), ("203.0.113.12", 25, "host"), ("203.0.113.12", 587, "host587"), ("203.0.113.11", 587, "mx587"), ("203.0.113.13", 25, "addr"))]
    t.file("sr", "joe@z.example [host.example]:587\n@dom.example mx.example\n<> [203.0.113.13]\nskip@z.example DUNNO\n")
    t.file("st", "fast@z.example smtp:[203.0.113.13]\n@slow.example slow\n<> error:5.7.1 no bounces\n")
    t.master("slow unix - - n - - smtp"); t.start()
    def go(what, *senders, **kw):
        t.title(what); t.logs.clear(); t.main(**kw); t.reload()
        for s in senders or ("s@z.example",): t.send(s, "r@z.example", message(*FULL)); t.drain()
        t.log("to=<"); t.sh("postsuper -d ALL", quiet=True)
    for r in ("mx.example", "[mx.example]", "host.example", "[host.example]", "[host.example]:587", "mx.example:587", "[203.0.113.13]", "[203.0.113.13]:25", "203.0.113.13", "[host.example]:submission", "nothere.example", "$mydomain"): go(r, relayhost=r)
    go("by sender", "joe@z.example", "joe+x@z.example", "a@dom.example", "", "skip@z.example", "other@z.example", relayhost="[203.0.113.13]", sender_dependent_relayhost_maps="texthash:/etc/postfix/sr", recipient_delimiter="+")
    go("transport by sender", "fast@z.example", "x@slow.example", "", "other@z.example", sender_dependent_default_transport_maps="texthash:/etc/postfix/st")
    go("own keys for the null sender", "", empty_address_relayhost_maps_lookup_key="joe@z.example", empty_address_default_transport_maps_lookup_key="nokey")
    t.log("trivial-rewrite|warning")
