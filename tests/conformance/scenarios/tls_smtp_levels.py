"""smtp client: security levels, policy tables, what servers offer and prove, and what becomes of the mail."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *

SITES = {  # name: (certificate, policy, more of the policy)
    "none": ("good", "none", ""), "may": ("good", "may", ""), "mayplain": (None, "may", ""), "encrypt": ("own", "encrypt", ""), "encryptplain": (None, "encrypt", ""),
    "verify": ("good", "verify", ""), "verifyown": ("own", "verify", ""), "verifyother": ("other", "verify", ""), "secure": ("good", "secure", ""), "securehost": ("good", "secure", "match=hostname"), "securedot": ("good", "secure", "match=.verify.example:.securedot.example"),
    "print": ("own", "fingerprint", "match={own}"), "printkey": ("good", "fingerprint", "match={zero}|{goodkey}"), "printbad": ("own", "fingerprint", "match={zero}"), "printnone": ("own", "fingerprint", ""),
    "expired": ("old", "verify", ""), "tls12": ("good", "encrypt", "protocols=TLSv1.2"), "bad": ("good", "maybe", ""), "badword": ("good", "encrypt", "nonsense=1"), "badmatch": ("good", "may", "match=x"), "nonewith": ("good", "none", "ciphers=high"),
}


def run(t):
    steady(t); hosts = [f"mail.{n}.example" for n in SITES]
    ca, _ = certificate(t, "ca", subject="/O=Example CA/CN=root", is_ca=True); c = {None: None}
    c["good"] = certificate(t, "good", ca="ca", names=hosts + ["securedot.example"], subject="/O=Example/CN=good server"); c["own"] = certificate(t, "own", names=hosts); c["other"] = certificate(t, "other", ca="ca", subject="/CN=other.example", names=["other.example"])
    c["old"] = certificate(t, "old", ca="ca", names=hosts, days="-1")
    prints = {"own": fingerprint(c["own"][0], "sha256"), "goodkey": fingerprint(c["good"][0], "sha256", key=True)}
    prints["zero"] = ":".join(["00"] * 32)
    t.main(smtp_tls_policy_maps="texthash:/etc/postfix/tls_policy", smtp_tls_CAfile=ca, smtp_tls_loglevel="1", smtp_tls_fingerprint_digest="sha256", transport_maps="texthash:/etc/postfix/tr", smtp_tls_note_starttls_offer="yes")
    sinks = {}
    for i, (n, (cert, level, more)) in enumerate(SITES.items()):
        ip = f"203.0.113.{10 + i % 10}"; t.dns(f"mail.{n}.example", "A", ip); t.dns(f"{n}.example", "MX", f"10 mail.{n}.example"); sinks[n] = t.sink(ip, 2500 + i, name=f"mail.{n}.example", tls=c[cert])
    t.file("tls_policy", "".join(f"{n}.example:{2500 + i} {level} {more.format(**prints)}\n" for i, (n, (_, level, more)) in enumerate(SITES.items())))
    t.file("tr", "".join(f"{n}.example smtp:{n}.example:{2500 + i}\n" for i, n in enumerate(SITES)))
    t.start()
    for n in SITES: t.send("a@example.test", f"b@{n}.example")
    t.drain()
    for n in SITES: t.note(f"{n}: {[['EHLO' if l.startswith('EHLO') else l.split(' ')[0] for l in s if l != '(dropped)'] for s in sinks[n].sessions]}")
    t.log("status=|TLS|SSL|offered STARTTLS|certificate|warning", drop=("library",))
