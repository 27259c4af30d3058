"""Trust and names of client certificates: smtpd_tls_CApath, smtpd_tls_ccert_verifydepth, smtpd_tls_fingerprint_digest by digest, tls_append_default_CA, relay_clientcerts with keys in any case, smtpd_use_tls and smtpd_enforce_tls."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from secrets import *


def run(t):
    server = certificate(t, "foo.example.test"); ca, _ = certificate(t, "ca", subject="/O=Example CA/CN=root", is_ca=True); mid, _ = certificate(t, "mid", subject="/O=Example CA/CN=mid", is_ca=True, ca="ca")
    good = certificate(t, "good", ca="ca", subject="/O=Example/CN=good client"); deep = certificate(t, "deep", ca="mid", subject="/O=Example/CN=deep client"); chain = FOLDER / "deepchain.pem"; chain.write_text(open(deep[0]).read() + open(mid).read()); odd = certificate(t, "odd", subject="/O=Ex\u00e4mple/CN=odd (client) \"x\"")
    (FOLDER / "path").mkdir(); t.sh(f"cp {ca} {FOLDER}/path/; openssl rehash {FOLDER}/path", quiet=True)
    t.main(smtpd_tls_cert_file=server[0], smtpd_tls_key_file=server[1], smtpd_tls_loglevel="1", smtpd_tls_security_level="may", smtpd_tls_ask_ccert="yes", smtpd_tls_received_header="yes", smtpd_tls_fingerprint_digest="sha256", smtpd_hard_error_limit="1000")
    sets = [{"smtpd_tls_CApath": f"{FOLDER}/path"}, {"smtpd_tls_CAfile": ca, "smtpd_tls_ccert_verifydepth": "1"}, {"smtpd_tls_CAfile": ca, "smtpd_tls_ccert_verifydepth": "0"}, {"smtpd_tls_CAfile": ca}]
    for d in ("md5", "sha1", "sha256", "sha512"):
        t.file(f"fp{d}", f"{fingerprint(good[0], d)} ok\n"); t.file(f"acc{d}", f"{fingerprint(good[0], d)} REJECT by certificate\n{fingerprint(good[0], d, key=True)} REJECT by key\n{fingerprint(deep[0], d, key=True)} REJECT deep by key\n")
        sets.append({"smtpd_tls_fingerprint_digest": d, "relay_clientcerts": f"texthash:/etc/postfix/fp{d}", "smtpd_relay_restrictions": "permit_tls_clientcerts, reject", "smtpd_recipient_restrictions": f"check_ccert_access texthash:/etc/postfix/acc{d}"})
    t.file("lower", f"{fingerprint(good[0], 'sha256').lower()} ok\n"); t.file("acc", f"{fingerprint(good[0], 'sha256')} REJECT by certificate\n{fingerprint(good[0], 'sha256', key=True)} REJECT by key\n")
    sets += [{"relay_clientcerts": "texthash:/etc/postfix/lower", "smtpd_relay_restrictions": "permit_tls_clientcerts, reject"},
             {"smtpd_tls_fingerprint_digest": "nonsense"}, {"smtpd_tls_security_level": "", "smtpd_use_tls": "yes"}, {"smtpd_tls_security_level": "", "smtpd_enforce_tls": "yes"}, {"smtpd_tls_security_level": ""}, {"smtpd_tls_security_level": "none", "smtpd_use_tls": "yes"}, {"smtpd_tls_security_level": "verify"}]
    P = ports(t, *sets); t.start()
    for kw, p in zip(sets, P):
        t.title(str({k: v for k, v in kw.items()}))
        for name, c in (("none", None), ("good", good), ("deep", (str(chain), deep[1])), ("odd", odd)):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); got = ask(s, "EHLO client.example.org")
            if "STARTTLS" not in got: t.note(f"{name}: not offered, {ask(s, 'MAIL FROM:<a@example.org>')}"); s.close(); continue
            if not starttls(s, certificate=c): continue
            ask(s, "EHLO client.example.org"); ask(s, "MAIL FROM:<a@example.org>"); t.note(f"{name}: " + " | ".join(ask(s, f"RCPT TO:<{r}>") for r in ("b@elsewhere.example", "alice@example.test")))
            if p in P[:4] and ask(s, "DATA").startswith("354"): s.data(f"Subject: {p} {name}\n\n{name}\n")
            ask(s, "QUIT"); s.close()
    t.drain(); t.mail("alice", headers=["received", "subject"])
    t.log("TLS|SSL|warning|certificate|fatal", drop=("localhost", "library", "Can't require", "SSL_accept error", "igest algorithm", "disabling TLS", "lost connection", "lookup error"))
