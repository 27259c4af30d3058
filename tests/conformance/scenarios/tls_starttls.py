"""STARTTLS: when it is offered and required, what is refused, what the log and the headers say, and what a client sends too early."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from secrets import *


def run(t):
    pem, key = certificate(t, "foo.example.test")
    t.main(smtpd_tls_cert_file=pem, smtpd_tls_key_file=key, smtpd_tls_loglevel="1", smtpd_tls_security_level="may", smtpd_tls_received_header="yes")
    P = ports(t, {"smtpd_tls_security_level": "encrypt"}, {"smtpd_tls_security_level": "none"}, {"smtpd_discard_ehlo_keywords": "starttls"},
              {"smtpd_tls_security_level": "", "smtpd_use_tls": "yes"}, {"smtpd_tls_security_level": "secure"}, {"smtpd_recipient_restrictions": "reject_plaintext_session,reject_unauth_destination"})
    t.start(); smtp = lambda port=25: t.smtp(src=STRANGER, dst=ME, port=port)
    t.title("offered"); s = smtp(); s.cmd("EHLO client.example.org"); s.cmd("STARTTLS now"); starttls(s); s.cmd("EHLO client.example.org"); s.cmd("STARTTLS")
    s.cmd("MAIL FROM:<a@example.org>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("DATA"); s.data("Subject: x\n\nhello\n"); s.cmd("QUIT"); s.close()
    t.title("without a greeting"); s = smtp(); starttls(s); s.cmd("MAIL FROM:<a@example.org>"); s.cmd("QUIT"); s.close()
    t.title("in a transaction"); s = smtp(); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<a@example.org>"); starttls(s); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("QUIT"); s.close()
    t.title("TLS 1.2"); s = smtp(); s.cmd("EHLO client.example.org"); starttls(s, high=ssl.TLSVersion.TLSv1_2); s.cmd("HELO client.example.org")
    s.cmd("MAIL FROM:<b@example.org>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("DATA"); s.data("Subject: y\n\nhello\n"); s.cmd("QUIT"); s.close()
    t.title("injected"); s = smtp(); s.cmd("EHLO client.example.org"); s.raw(b"STARTTLS\r\nRSET\r\nNOOP\r\n", 1); starttls(s, say=None); s.cmd("NOOP"); s.cmd("QUIT"); s.close()
    t.title("gone"); s = smtp(); s.cmd("EHLO client.example.org"); s.cmd("STARTTLS"); s.close()
    t.title("no handshake"); s = smtp(); s.cmd("EHLO client.example.org"); s.cmd("STARTTLS"); s.raw(b"EHLO client.example.org\r\n", 0); time.sleep(0.5); s.close()
    for p in P:
        t.title(f"port {p}"); s = smtp(p)
        for c in ("HELO x", "NOOP", "RSET", "MAIL FROM:<a@example.org>", "VRFY alice", "AUTH PLAIN", "XCLIENT NAME=x", "EHLO client.example.org"): s.cmd(c)
        if starttls(s): s.cmd("EHLO client.example.org")
        s.cmd("MAIL FROM:<a@example.org>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("QUIT"); s.close()
    t.drain(); t.mail("alice", headers=["received"])
    t.log("TLS|SSL|warning|lost|disconnect|Must issue", drop=("localhost", "library"))
