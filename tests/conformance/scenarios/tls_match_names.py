"""smtp client: which names in a certificate are good for which strings of match lists, at the levels verify and secure."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *

SITES = {  # name: (names in the certificate, or none and its common name; level; more of the policy)
    "host": (["mail.host.example"], "verify", ""), "hostnext": (["hostnext.example"], "verify", ""), "hostcase": (["MAIL.HostCase.Example"], "verify", ""), "next": (["next.example"], "secure", ""), "nexthost": (["mail.nexthost.example"], "secure", "match=nexthop"),
    "dotnext": (["mail.dotnext.example"], "secure", "match=dot-nexthop"), "dotself": (["dotself.example"], "secure", "match=dot-nexthop"), "dotdeep": (["a.b.dotdeep.example"], "secure", "match=dot-nexthop"), "given": (["elsewhere.example"], "secure", "match=elsewhere.example"), "givendot": (["mx.elsewhere.example"], "secure", "match=x.example:.elsewhere.example"),
    "star": (["*.star.example"], "verify", ""), "stardeep": (["*.example"], "verify", ""), "starnext": (["*.starnext.example"], "secure", "match=nexthop"), "stardot": (["*.stardot.example"], "secure", "match=.stardot.example"), "starpart": (["ma*.starpart.example"], "verify", ""),
    "common": ([], "verify", ""), "commonbad": (["other.example"], "verify", ""), "both": (["other.example"], "verify", "match=hostname match=other.example"), "dot": (["mail.dot.example"], "secure", "match=."), "lists": (["lists.example"], "verify", "match=nope.example:nexthop"),
}


def run(t):
    steady(t); ca, _ = certificate(t, "ca", kind="ec", subject="/O=Example CA/CN=root", is_ca=True)
    t.main(smtp_tls_policy_maps="texthash:/etc/postfix/tls_policy", smtp_tls_CAfile=ca, smtp_tls_loglevel="summary,certmatch", transport_maps="texthash:/etc/postfix/tr", smtp_tls_fingerprint_digest="sha256")
    for i, (n, (names, _, _)) in enumerate(SITES.items()):
        cert = certificate(t, n, kind="ec", ca="ca", subject=f"/CN=mail.{n}.example", names=names); ip = f"203.0.113.{10 + i % 10}"
        t.dns(f"mail.{n}.example", "A", ip); t.dns(f"{n}.example", "MX", f"10 mail.{n}.example"); t.sink(ip, 2500 + i, name=f"mail.{n}.example", tls=cert)
    t.file("tls_policy", "".join(f"{n}.example:{2500 + i} {level} {more}\n" for i, (n, (_, level, more)) in enumerate(SITES.items())))
    t.file("tr", "".join(f"{n}.example smtp:{n}.example:{2500 + i}\n" for i, n in enumerate(SITES)))
    t.start()
    for n in SITES: t.send("a@example.test", f"b@{n}.example")
    t.drain(); t.log("status=|certificate verification|matched peername|warning", drop=("library",))
