"""Clients with certificates: asked, required, trusted or not, listed by fingerprint; access tables, policy attributes, headers, log lines."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from secrets import *


def run(t):
    server = certificate(t, "foo.example.test"); ca, _ = certificate(t, "ca", subject="/O=Example CA/CN=root", is_ca=True)
    good = certificate(t, "good", ca="ca", subject="/O=Example/CN=good client"); own = certificate(t, "own", kind="ec"); ed = certificate(t, "ed", kind="ed25519", ca="ca"); old = certificate(t, "old", ca="ca", days="-1")
    t.main(smtpd_tls_cert_file=server[0], smtpd_tls_key_file=server[1], smtpd_tls_CAfile=ca, smtpd_tls_loglevel="1", smtpd_tls_security_level="may", smtpd_tls_ask_ccert="yes", smtpd_tls_received_header="yes", smtpd_tls_fingerprint_digest="sha256",
           relay_clientcerts="texthash:/etc/postfix/relay", smtpd_relay_restrictions="permit_tls_clientcerts, reject_unauth_destination")
    t.file("relay", f"{fingerprint(own[0], 'sha256')} own\n{fingerprint(ed[0], 'sha256', key=True)} ed\n"); t.file("access", f"{fingerprint(own[0], 'sha256')} reject no certificate of this kind\n{fingerprint(good[0], 'sha256', key=True)} 450 later\n")
    P = ports(t, {"smtpd_relay_restrictions": "permit_tls_all_clientcerts, reject"}, {"smtpd_recipient_restrictions": "check_ccert_access texthash:/etc/postfix/access"}, {"smtpd_tls_security_level": "encrypt", "smtpd_tls_req_ccert": "yes"},
              {"smtpd_tls_ask_ccert": "no"}, {"smtpd_tls_loglevel": "untrusted,peercert,summary"}, {"smtpd_tls_req_ccert": "yes", "smtpd_tls_ask_ccert": "no"})
    t.start()
    for p in [25, *P]:
        for name, c in (("none", None), ("good", good), ("own", own), ("ed", ed), ("old", old)):
            t.title(f"port {p}, {name}"); s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO client.example.org")
            if not starttls(s, certificate=c): continue
            s.quiet = False; t.note(ask(s, "EHLO client.example.org")[:60]); ask(s, "MAIL FROM:<a@example.org>"); [t.note(f"RCPT TO:<{r}> -> {ask(s, f'RCPT TO:<{r}>')}") for r in ("b@elsewhere.example", "alice@example.test")]
            if p == 25 and ask(s, "DATA").startswith("354"): s.data(f"Subject: {name}\n\n{name}\n")
            ask(s, "QUIT"); s.close()
    t.drain(); t.mail("alice", headers=["received", "subject"])
    t.log("TLS|SSL|warning|lost|reject|certificate", drop=("localhost", "library", "subject_CN", "Can't require"))
