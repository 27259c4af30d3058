"""smtpd_tls_wrappermode: TLS before the greeting; plain clients, clients that go away, certificates that cannot be had."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from secrets import *


def wrapped(t, port, **kw):
    s = t.smtp(src=STRANGER, dst=ME, port=port, greet=False)
    try: s.s = context(**kw).wrap_socket(s.s); s.buf = b""; s.reply(); return s
    except (ssl.SSLError, OSError) as e: t.note("no handshake"); s.close()


def run(t):
    pem, key = certificate(t, "foo.example.test", kind="ec"); other, other_key = certificate(t, "other")
    t.main(smtpd_tls_loglevel="1", smtpd_tls_cert_file="", smtpd_tls_eccert_file=pem, smtpd_tls_eckey_file=key, smtpd_tls_received_header="yes")
    P = ports(t, {"smtpd_tls_wrappermode": "yes"}, {"smtpd_tls_wrappermode": "yes", "smtpd_tls_security_level": "none"}, {"smtpd_tls_wrappermode": "yes", "smtpd_tls_eckey_file": other_key},
              {"smtpd_tls_wrappermode": "yes", "smtpd_tls_eccert_file": ""}, {"smtpd_tls_security_level": "may", "smtpd_tls_eccert_file": "/etc/postfix/nothing.pem"},
              {"smtpd_tls_wrappermode": "yes", "smtpd_tls_mandatory_protocols": ">=TLSv1.3"}, {"smtpd_tls_security_level": "may", "smtpd_tls_protocols": "TLSv9"}, {"smtpd_tls_wrappermode": "yes", "smtpd_tls_eccert_file": "", "smtpd_tls_chain_files": f"{other_key} {other} {key} {pem}"})
    t.start()
    for p in P:
        t.title(f"port {p}"); plain = p in (P[4], P[6])
        if plain:
            s = t.smtp(src=STRANGER, dst=ME, port=p); s.cmd("EHLO client.example.org"); s.cmd("STARTTLS"); s.cmd("QUIT"); s.close(); continue
        s = wrapped(t, p)
        if s: s.cmd("EHLO client.example.org"); s.cmd("STARTTLS"); s.cmd("MAIL FROM:<a@example.org>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("DATA"); s.data("Subject: x\n\nhello\n"); s.cmd("QUIT"); s.close()
    t.title("plain"); s = t.smtp(src=STRANGER, dst=ME, port=P[0], greet=False); s.raw(b"EHLO client.example.org\r\n", 0); time.sleep(0.3); s.close()
    t.title("gone"); s = t.smtp(src=STRANGER, dst=ME, port=P[0], greet=False); s.close()
    t.title("too old"); s = wrapped(t, P[5], high=ssl.TLSVersion.TLSv1_2)
    if s: s.cmd("QUIT"); s.close()
    t.drain(); t.mail("alice", headers=["received"])
    t.log("TLS|SSL|warning|lost|disconnect|fatal", drop=("localhost", "library"))
