"""smtp client: smtp_use_tls, smtp_enforce_tls and smtp_tls_enforce_peername, and smtp_tls_per_site with next hop and host in one table."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def run(t):
    steady(t); ca, _ = certificate(t, "ca", kind="ec", subject="/CN=root", is_ca=True); good = certificate(t, "good", kind="ec", ca="ca", names=["mail.good.example"]); own = certificate(t, "own", kind="ec", names=["mail.own.example"])
    t.main(smtp_tls_CAfile=ca, smtp_tls_loglevel="1", smtp_tls_security_level="", transport_maps="texthash:/etc/postfix/tr"); lines = ""
    for i, (n, cert) in enumerate({"good": good, "own": own, "plain": None}.items()): t.dns(f"mail.{n}.example", "A", f"203.0.113.{10 + i}"); t.dns(f"{n}.example", "MX", f"10 mail.{n}.example"); t.sink(f"203.0.113.{10 + i}", 25, name=f"mail.{n}.example", tls=cert)
    ways = {"nothing": "", "use": "-o smtp_use_tls=yes", "enforce": "-o smtp_enforce_tls=yes", "nopeer": "-o smtp_enforce_tls=yes -o smtp_tls_enforce_peername=no", "level": "-o smtp_enforce_tls=yes -o smtp_tls_security_level=may", "none": "-o smtp_use_tls=yes -o smtp_tls_security_level=none"}
    words = ("NONE", "MAY", "MUST", "MUST_NOPEERMATCH"); pairs = [(a, b) for a in (None, *words) for b in (None, *words)]
    for n, how in ways.items():
        t.master(f"{n} unix - - n - - smtp\n  {how}")
        for site in ("good", "own", "plain"): lines += f"{site}-{n}.test {n}:{site}.example\n"
    for how in ("may", "secure"):
        for i, (a, b) in enumerate(pairs):
            t.file(f"sites{i}", (f"own.example {a}\n" if a else "") + (f"mail.own.example {b}\n" if b else "")); t.master(f"{how}{i} unix - - n - - smtp\n  -o smtp_tls_security_level={how} -o smtp_tls_per_site=texthash:/etc/postfix/sites{i}"); lines += f"{how}-{a or 'no'}-{b or 'no'}.test {how}{i}:own.example\n".replace("_", "")
    t.file("tr", lines); t.start()
    for l in lines.splitlines(): t.send("a@example.test", f"b@{l.split()[0]}")
    t.drain(); t.log("status=|warning", drop=("library", "unused"))
    seen = sorted(s for s in {re.sub(r"TLS connection.*", "TLS", re.sub(r".*postfix/smtp: ", "", l)) for l in t.logs if "TLS connection" in l}); t.note(f"standings: {seen}")
