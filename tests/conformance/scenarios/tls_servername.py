"""smtp and lmtp client: which server name is sent: smtp_tls_servername, servername= of policies, the name of TLSA records."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def run(t):
    steady(t); cert = certificate(t, "own", kind="ec"); sinks, lines = {}, ""
    ways = {"none": "", "host": "-o smtp_tls_servername=hostname", "next": "-o smtp_tls_servername=nexthop", "fixed": "-o smtp_tls_servername=fixed.example", "bad": "-o smtp_tls_servername=-bad-", "policy": "-o smtp_tls_servername=hostname -o smtp_tls_policy_maps=texthash:/etc/postfix/tls_policy",
            "policynext": "-o smtp_tls_policy_maps=texthash:/etc/postfix/tls_policy2", "dane": "-o smtp_tls_security_level=dane -o smtp_dns_support_level=dnssec -o smtp_host_lookup=dns -o smtp_tls_servername=fixed.example", "alias": "-o smtp_tls_servername=hostname", "danealias": "-o smtp_tls_security_level=dane -o smtp_dns_support_level=dnssec -o smtp_host_lookup=dns"}
    t.main(smtp_tls_security_level="may", smtp_tls_loglevel="1", transport_maps="texthash:/etc/postfix/tr", lmtp_tls_security_level="encrypt", lmtp_tls_servername="nexthop")
    asked = {}
    def server(n, i):
        s = t.sink(f"203.0.113.{10 + i % 10}", 2500 + i, name=f"mail.{n}.example", tls=cert, lmtp=n == "lmtp"); s.tls.sni_callback = lambda c, name, _: asked.setdefault(n, []).append(name); sinks[n] = s
    for i, (n, how) in enumerate(ways.items()):
        t.dns(f"mail.{n}.example", "A", f"203.0.113.{10 + i}"); t.dns(f"{n}.example", "MX", f"10 mail.{n}.example"); server(n, i); t.master(f"{n} unix - - n - - smtp\n  {how}"); lines += f"{n}.example {n}:{n}.example:{2500 + i}\n"
    for n in ("alias", "danealias"): del t.zone[(f"mail.{n}.example", "A")]; t.dns(f"mail.{n}.example", "CNAME", f"real.{n}.example"); t.dns(f"real.{n}.example", "A", f"203.0.113.{10 + list(ways).index(n)}")
    for n, host in (("dane", "mail.dane.example"), ("danealias", "real.danealias.example")): t.dns(f"_{2500 + list(ways).index(n)}._tcp.{host}", "TLSA", "3 0 1 " + fingerprint(cert[0], "sha256").replace(":", ""))
    t.dns("mail.lmtp.example", "A", "203.0.113.10"); server("lmtp", len(ways)); lines += f"lmtp.example lmtp:inet:mail.lmtp.example:{2500 + len(ways)}\n"
    t.file("tls_policy", f"policy.example:{2500 + list(ways).index('policy')} encrypt servername=policy.example\n"); t.file("tls_policy2", f"policynext.example:{2500 + list(ways).index('policynext')} encrypt servername=nexthop\n")
    t.file("tr", lines); t.start()
    for n in [*ways, "lmtp"]: t.send("a@example.test", f"b@{n}.example")
    t.drain(); t.log("status=|warning", drop=("library",))
    for n in [*ways, "lmtp"]: t.note(f"{n}: asked for {asked.get(n)}")
