"""posttls-finger: servers with and without STARTTLS, levels and what they come to, names, fingerprints, chains, LMTP, wrapper mode, mistakes."""
import pathlib, subprocess, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def run(t):
    ca, _ = certificate(t, "ca", kind="ec", subject="/CN=root", is_ca=True); good = certificate(t, "good", kind="ec", ca="ca", subject="/O=Example/CN=server", names=["mail.good.example", "good.example"]); own = certificate(t, "own", kind="ec", names=["mail.own.example"])
    for i, (n, cert) in enumerate({"good": good, "own": own, "plain": None, "dane": own, "bad": own, "odd": own}.items()): t.dns(f"mail.{n}.example", "A", f"203.0.113.{10 + i}"); t.dns(f"{n}.example", "MX", f"10 mail.{n}.example"); t.sink(f"203.0.113.{10 + i}", 25, name=f"mail.{n}.example", tls=cert)
    sha = fingerprint(own[0], "sha256"); t.dns("_25._tcp.mail.dane.example", "TLSA", "3 0 1 " + sha.replace(":", "")); t.dns("_25._tcp.mail.bad.example", "TLSA", "3 0 1 " + "00" * 32); t.dns("_25._tcp.mail.odd.example", "TLSA", "3 1 9 abcd")
    t.sink("203.0.113.10", 2525, name="no.example", script={"CONNECT": "554 no"}); t.sink("203.0.113.10", 2526, name="no.example", script={"EHLO": "502 what"}); t.sink("203.0.113.10", 2527, name="no.example", tls=own, script={"STARTTLS": "454 4.7.0 not now"}); t.sink("203.0.113.10", 24, name="lmtp.example", tls=own, lmtp=True)
    t.dns("", "NS", "ns.example.test."); t.main(smtp_tls_fingerprint_digest="sha256", myhostname="foo.example.test"); t.start(); before = t.norm
    t.norm = lambda s: re.sub(r"(Matched (fingerprint|DANE EE certificate at depth 0): .*?)[0-9A-F]{64}", r"\1HEX", re.sub(r"(?:[0-9A-F]{2}:){15,}[0-9A-F]{2}", "PRINT", before(s)))
    for words in ("good.example", "-c good.example", "-c -F {ca} good.example", "-c -F {ca} -l verify good.example", "-c -F {ca} -l secure '[mail.good.example]'", "-c -F {ca} -l secure '[mail.good.example]' good.example", "-c -A {ca} -l secure '[203.0.113.10]' other.example", "-c -l encrypt own.example", "-c -l may own.example x", "-c -l none own.example", "plain.example", "-c -l fingerprint own.example {sha}", "-c -l fingerprint own.example 00:11",
                  "-c dane.example", "-c -l dane-only dane.example", "-c bad.example", "-c -l dane-only -v -v 2>&1 own.example | grep resorting", "-c -L none dane.example", "'[203.0.113.10]:2525'", "'[203.0.113.10]:2526'", "'[203.0.113.10]:2527'", "'[203.0.113.10]:1'", "nowhere.example", "-S inet:203.0.113.10 | sed 's/, .*//'", "-S unix:/nowhere", "-l perhaps own.example", "-a five own.example", "-M never own.example", "'[own.example'", "own.example:nonsense", "-H a -k b own.example", "-w -l none own.example", "-c -A /nowhere -l secure own.example"):
        t.sh("posttls-finger " + words.format(ca=ca, sha=sha))
