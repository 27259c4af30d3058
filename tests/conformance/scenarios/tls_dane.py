"""smtp client: TLSA records of every kind, at the levels dane and dane-only; the machine's name server says that all is signed."""
import hashlib, pathlib, subprocess, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def der(pem, key=False):
    how = f"openssl x509 -in {pem} -noout -pubkey | openssl pkey -pubin -outform DER" if key else f"openssl x509 -in {pem} -outform DER"
    return subprocess.run(how, shell=True, capture_output=True).stdout


def run(t):
    steady(t); ca, _ = certificate(t, "ca", kind="ec", subject="/CN=root", is_ca=True); pem = {}
    def digest(name, key=False, kind="sha256"): return hashlib.new(kind, der(pem[name], key)).hexdigest()
    zero, pem["ca"] = "00" * 32, ca
    sites = {  # name: (certificate's names, level, records); the certificate is good for its host if it is None
        "ee": (None, "dane", lambda n: [f"3 1 1 {digest(n, True)}"]), "eecert": (None, "dane", lambda n: [f"3 0 1 {digest(n)}"]), "eefull": (None, "dane", lambda n: [f"3 1 0 {der(pem[n], True).hex()}"]),
        "eelong": (None, "dane", lambda n: [f"3 1 2 {digest(n, True, 'sha512')}"]), "eename": (["other.example"], "dane-only", lambda n: [f"3 1 1 {digest(n, True)}"]),
        "ta": (None, "dane", lambda n: [f"2 0 1 {digest('ca')}"]), "takey": (None, "dane-only", lambda n: [f"2 1 1 {digest('ca', True)}"]), "taname": (["other.example"], "dane", lambda n: [f"2 0 1 {digest('ca')}"]),
        "tadomain": (["tadomain.example"], "dane", lambda n: [f"2 0 1 {digest('ca')}"]), "tafull": (None, "dane", lambda n: [f"2 1 0 {der(ca, True).hex()}"]),
        "bad": (None, "dane", lambda n: [f"3 1 1 {zero}"]), "badonly": (None, "dane-only", lambda n: [f"3 1 1 {zero}"]), "agile": (None, "dane", lambda n: [f"3 1 1 {digest(n, True)}", f"3 1 2 {zero * 2}"]),
        "none": (None, "dane", lambda n: []), "noneonly": (None, "dane-only", lambda n: []), "pkix": (None, "dane", lambda n: [f"1 1 1 {digest(n, True)}"]), "pkixonly": (None, "dane-only", lambda n: [f"0 0 1 {digest(n)}"]),
        "odd": (None, "dane", lambda n: [f"3 2 1 {zero}", "3 1 1 abcd", f"3 1 9 {zero}", "3 1 0 abcd"]), "oddonly": (None, "dane-only", lambda n: [f"3 2 1 {zero}"]), "private": (None, "dane", lambda n: [f"3 1 255 {zero}"]),
        "plain": (False, "dane", lambda n: [f"3 1 1 {zero}"]), "fail": (None, "dane", lambda n: ["SERVFAIL"]), "failonly": (None, "dane-only", lambda n: ["SERVFAIL"]),
    }
    t.main(smtp_dns_support_level="dnssec", smtp_host_lookup="dns", smtp_tls_security_level="dane", smtp_tls_loglevel="1,certmatch", smtp_tls_fingerprint_digest="sha256", smtp_tls_policy_maps="texthash:/etc/postfix/tls_policy", transport_maps="texthash:/etc/postfix/tr")
    for i, (n, (names, level, records)) in enumerate(sites.items()):
        host, port, ip, cert = f"mail.{n}.example", 2500 + i, f"203.0.113.{10 + i % 10}", None
        if names is not False:
            cert = certificate(t, n, kind="ec", ca="ca", subject="/O=Example/CN=server", names=names or [host]); pem[n] = cert[0]
            pathlib.Path(f"/etc/postfix/tls/{n}.chain").write_text(pathlib.Path(cert[0]).read_text() + pathlib.Path(ca).read_text()); cert = (f"/etc/postfix/tls/{n}.chain", cert[1])
        t.dns(f"{n}.example", "MX", f"10 {host}"); t.dns(host, "A", ip); t.sink(ip, port, name=host, tls=cert)
        if records(n): t.dns(f"_{port}._tcp.{host}", "TLSA", *records(n))
    t.file("tls_policy", "".join(f"{n}.example:{2500 + i} {level}\n" for i, (n, (_, level, _)) in enumerate(sites.items())))
    t.file("tr", "".join(f"{n}.example smtp:{n}.example:{2500 + i}\n" for i, n in enumerate(sites)))
    before = t.norm
    t.norm = lambda s: re.sub(r"\b[0-9A-F]{32,}(\.\.\.[0-9A-F]+)?\b", "HEX", before(s))
    t.start()
    for n in sites: t.send("a@example.test", f"b@{n}.example")
    t.drain(); t.log("status=|TLS|SSL|TLSA|DANE|certificate|peername|warning", drop=("library", "lookup problem", "subject_CN"))
    for l in sorted({l for l in t.logs if "lookup problem" in l}): t.note(f"said: {l}")  # Postfix asks twice
