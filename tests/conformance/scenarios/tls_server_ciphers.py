"""smtpd_tls_ciphers, smtpd_tls_mandatory_ciphers, what is excluded, and cipher lists of one's own: what a client gets that offers one cipher or several."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from secrets import *


def run(t):
    pem, key = certificate(t, "foo.example.test"); ec, eck = certificate(t, "ec.example.test", kind="ec")
    t.main(smtpd_tls_cert_file=pem, smtpd_tls_key_file=key, smtpd_tls_eccert_file=ec, smtpd_tls_eckey_file=eck, smtpd_tls_security_level="may", smtpd_tls_loglevel="1", smtpd_tls_protocols="TLSv1.2", smtpd_hard_error_limit="1000")
    sets = [{}, {"smtpd_tls_ciphers": "high"}, {"smtpd_tls_ciphers": "low"}, {"smtpd_tls_ciphers": "export"}, {"smtpd_tls_ciphers": "HIGH"}, {"smtpd_tls_exclude_ciphers": "AES128"}, {"smtpd_tls_exclude_ciphers": "AES256, CHACHA20"}, {"smtpd_tls_exclude_ciphers": "aNULL, eNULL, EXPORT, DES, RC4, MD5, PSK, aECDH, EDH-DSS-DES-CBC3-SHA, EDH-RSA-DES-CBC3-SHA, KRB5-DES, CBC3-SHA"},
            {"smtpd_tls_exclude_ciphers": "aECDSA"}, {"smtpd_tls_exclude_ciphers": "aRSA"}, {"smtpd_tls_mandatory_exclude_ciphers": "AES128"}, {"smtpd_tls_security_level": "encrypt", "smtpd_tls_mandatory_ciphers": "high", "smtpd_tls_mandatory_exclude_ciphers": "AES128"}, {"tls_high_cipherlist": "ECDHE-ECDSA-AES256-GCM-SHA384", "smtpd_tls_ciphers": "high"},
            {"tls_medium_cipherlist": "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"}, {"tls_preempt_cipherlist": "yes"}, {"tls_preempt_cipherlist": "yes", "tls_medium_cipherlist": "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"}]
    P = ports(t, *sets); t.start()
    for kw, p in zip(sets, P):
        t.title(" ".join(f"{k}={v}" for k, v in kw.items()))
        for c in ("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); got = ask(s, "EHLO client.example.org"); r = "not offered"
            if "STARTTLS" in got:
                r = ask(s, "STARTTLS"); x = context(); x.set_ciphers(c)
                if r.startswith("220"):
                    try: s.s = x.wrap_socket(s.s); s.buf = b""; r = s.s.cipher()[0]
                    except (ssl.SSLError, OSError): r = "no handshake"
            t.note(f"{c} -> {r}"); s.close()
    t.log("warning", drop=("localhost", "library", "SSL_accept error"))
