"""tls_server_sni_maps (postmap -F and files read at start), smtpd_tls_chain_files, several kinds of keys, kinds of signatures."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from secrets import *


def names(s):
    der = s.getpeercert(binary_form=True)
    return subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=der, capture_output=True).stdout.decode().strip()


def run(t):
    main, main_key = certificate(t, "foo.example.test"); ec, ec_key = certificate(t, "ec.example.test", kind="ec"); one, one_key = certificate(t, "one.example.test"); wild, wild_key = certificate(t, "wild.example.test", kind="ed25519")
    t.main(smtpd_tls_chain_files=f"{ec_key}, {ec}, {main_key}, {main}", smtpd_tls_loglevel="1", smtpd_tls_security_level="may", tls_server_sni_maps="hash:/etc/postfix/sni", smtpd_recipient_restrictions="check_policy_service inet:127.0.0.1:1, permit")
    t.main(smtpd_recipient_restrictions="reject_unauth_destination")
    t.file("sni", f"one.example.test {one_key} {one}\n.wild.example.test {wild_key},{wild}\nbroken.example.test {one}\nother.example.test {ec_key} {one}\n"); t.sh("postmap -F hash:/etc/postfix/sni")
    P = ports(t, {"smtpd_tls_chain_files": f"{main}, {main_key}"}, {"smtpd_tls_chain_files": f"{main_key}"}, {"smtpd_tls_chain_files": f"{main_key} {ec}"}, {"smtpd_tls_chain_files": "", "smtpd_tls_cert_file": ec, "smtpd_tls_key_file": ec_key}, {"smtpd_tls_loglevel": "0"})
    t.start()
    t.sh("postmap -q one.example.test hash:/etc/postfix/sni | cut -c1-20", quiet=True); t.sh("postmap -Fq one.example.test hash:/etc/postfix/sni | grep -c BEGIN")
    for n in (None, "one.example.test", "ONE.example.test", "a.wild.example.test", "a.b.wild.example.test", "broken.example.test", "other.example.test"):
        t.title(f"name {n}"); s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO client.example.org"); w = starttls(s, name=n)
        if w: t.note(names(w)); t.note(ask(s, "EHLO client.example.org").split(" / ")[0]); ask(s, "QUIT")
        s.close()
    t.title("RSA only"); s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO client.example.org"); ask(s, "STARTTLS"); c = context(high=ssl.TLSVersion.TLSv1_2); c.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    w = c.wrap_socket(s.s); t.note(names(w)); t.note(w.cipher()[0]); w.close()
    t.title("unknown name"); s = t.smtp(src=STRANGER, dst=ME, port=P[-1], quiet=True); ask(s, "EHLO client.example.org"); w = starttls(s, name="unknown.example"); t.note(names(w)); s.close()
    for p in P:
        t.title(f"port {p}"); s = t.smtp(src=STRANGER, dst=ME, port=p); s.cmd("EHLO client.example.org"); w = starttls(s)
        if w: t.note(names(w))
        s.cmd("QUIT"); s.close()
    t.log("TLS|SSL|warning|error", drop=("localhost", "library", "postmaster"))
