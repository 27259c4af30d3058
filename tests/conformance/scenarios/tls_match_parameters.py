"""smtp client: the match lists, fingerprints and digests of main.cf; tables that fail; parent domains in the policy table."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


def run(t):
    steady(t); ca, _ = certificate(t, "ca", kind="ec", subject="/CN=root", is_ca=True)
    own = certificate(t, "own", kind="ec", ca="ca", subject="/CN=server", names=["mail.site.example", "site.example", "*.wide.example"])
    p = {d: fingerprint(own[0], d) for d in ("md5", "sha1", "sha256", "sha512")}; zero = ":".join(["00"] * 32)
    lines = {  # a service of its own for each
        "verifynext": "-o smtp_tls_security_level=verify -o smtp_tls_verify_cert_match=nexthop", "verifywrong": "-o smtp_tls_security_level=verify -o smtp_tls_verify_cert_match=wrong.example", "verifylist": "-o { smtp_tls_security_level = verify } -o { smtp_tls_verify_cert_match = wrong.example, hostname }",
        "securehost": "-o smtp_tls_security_level=secure -o smtp_tls_secure_cert_match=hostname", "securenone": "-o smtp_tls_security_level=secure -o smtp_tls_secure_cert_match=.wrong.example", "securewide": "-o smtp_tls_security_level=secure -o smtp_tls_secure_cert_match=a.b.wide.example", "securewidest": "-o smtp_tls_security_level=secure -o smtp_tls_secure_cert_match=a.b.wide.example -o tls_wildcard_matches_multiple_labels=no",
        "print": f"-o smtp_tls_security_level=fingerprint -o smtp_tls_fingerprint_cert_match={p['sha256']}", "printlow": f"-o smtp_tls_security_level=fingerprint -o smtp_tls_fingerprint_cert_match={p['sha256'].lower().replace(':', '')}", "printmany": f"-o smtp_tls_security_level=fingerprint -o {{ smtp_tls_fingerprint_cert_match = {zero}, {p['sha256']} }}",
        "printbad": f"-o smtp_tls_security_level=fingerprint -o {{ smtp_tls_fingerprint_cert_match = zz:00 {p['sha256']} }}", "printworse": "-o smtp_tls_security_level=fingerprint -o smtp_tls_fingerprint_cert_match=zz:00", "printshort": "-o smtp_tls_security_level=fingerprint -o smtp_tls_fingerprint_cert_match=00:11", "printnone": "-o smtp_tls_security_level=fingerprint",
        "md5": f"-o smtp_tls_security_level=fingerprint -o smtp_tls_fingerprint_digest=md5 -o smtp_tls_fingerprint_cert_match={p['md5']}", "sha1": f"-o smtp_tls_security_level=fingerprint -o smtp_tls_fingerprint_digest=sha1 -o smtp_tls_fingerprint_cert_match={p['sha1']}", "sha512": f"-o smtp_tls_security_level=fingerprint -o smtp_tls_fingerprint_digest=sha512 -o smtp_tls_fingerprint_cert_match={p['sha512']}",
        "depth": "-o smtp_tls_security_level=verify -o smtp_tls_scert_verifydepth=0", "nofile": "-o smtp_tls_security_level=encrypt -o smtp_tls_CAfile=/nowhere/ca.pem", "nodigest": "-o smtp_tls_security_level=encrypt -o smtp_tls_fingerprint_digest=md17", "table": "-o smtp_tls_policy_maps=texthash:/nowhere/table",
        "parent": "-o smtp_tls_policy_maps=texthash:/etc/postfix/parents", "secure0": "-o smtp_tls_security_level=secure -o smtp_tls_CAfile=",
    }
    t.main(smtp_tls_CAfile=ca, smtp_tls_loglevel="summary,certmatch", smtp_tls_fingerprint_digest="sha256", transport_maps="texthash:/etc/postfix/tr")
    t.dns("mail.site.example", "A", "203.0.113.10"); t.dns("site.example", "MX", "10 mail.site.example"); t.sink("203.0.113.10", 25, name="mail.site.example", tls=own)
    t.dns("deep.site.example", "MX", "10 mail.site.example"); t.dns("elsewhere.example", "MX", "10 mail.site.example")
    t.file("parents", ".site.example encrypt\n.example none\nsite.example secure\n")
    for n, how in lines.items(): t.master(f"{n} unix - - n - - smtp\n  {how}")
    t.file("tr", "".join(f"{n}.test {n}:site.example\n" for n in lines) + "deep.test parent:deep.site.example\nelsewhere.test parent:elsewhere.example\n"); t.start()
    for n in [*lines, "deep", "elsewhere"]: t.send("a@example.test", f"b@{n}.test")
    before = t.norm; t.norm = lambda s: re.sub(r"(Matched fingerprint: )[0-9A-F]+", r"\1PRINT", before(s))
    t.drain(); t.log("postfix/smtp: .*(status=|TLS|certificate|peername|fingerprint|warning|fatal)", drop=("library", "error:", "established", "subject_CN", "disabling TLS", "Digest algorithm"))
