"""smtp and lmtp client: the levels dane and dane-only where the configuration or the destination does not allow for them."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def run(t):
    steady(t); cert = certificate(t, "own", kind="ec")
    t.main(smtp_dns_support_level="dnssec", smtp_host_lookup="dns", smtp_tls_loglevel="1", transport_maps="texthash:/etc/postfix/tr", lmtp_tls_security_level="dane")
    lines, names = "", {"nodnssec": "-o smtp_dns_support_level=enabled", "nodns": "-o smtp_dns_support_level=disabled", "native": "-o smtp_host_lookup=native", "mxerrors": "-o ignore_mx_lookup_error=yes", "search": "-o smtp_dns_resolver_options=res_defnames", "fine": ""}
    for i, (n, option) in enumerate((a, b) for a in names.items() for b in ("dane", "dane-only")):
        n, how = n; name = n + ("only" if option == "dane-only" else ""); t.dns(f"mail.{name}.example", "A", f"203.0.113.{10 + i % 10}"); t.sink(f"203.0.113.{10 + i % 10}", 2500 + i, name=f"mail.{name}.example", tls=cert)
        t.master(f"{name} unix - - n - - smtp\n  -o smtp_tls_security_level={option} {how}"); lines += f"{name}.example {name}:[mail.{name}.example]:{2500 + i}\n"
    t.dns("numeric.example", "MX", "10 203.0.113.11"); lines += "numeric.example fine:[203.0.113.10]:2500\nnumericonly.example fineonly:[203.0.113.11]:2500\nlmtp.example lmtp:unix:/tmp/lmtp\n"
    t.sink("", unix="/tmp/lmtp", name="lmtp.example", lmtp=True)
    t.file("tr", lines); t.start()
    for l in lines.splitlines(): t.send("a@example.test", f"b@{l.split()[0]}")
    t.drain(); t.log("status=|TLS|warning", drop=("library", "unused"))
