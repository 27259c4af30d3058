"""STARTTLS of the built-in engine: offered, required, refused; what is forgotten, and what is thrown away."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *
from secrets import certificate


def encrypt(s):
    c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
    s.s = c.wrap_socket(s.s); s.buf = b""


def run(t):
    pem, key = certificate(t, "foo.example.test"); t.main(smtpd_tls_cert_file=pem, smtpd_tls_key_file=key, smtpd_tls_security_level="may", smtpd_tls_loglevel="1")
    own = {"postscreen_bare_newline_enable": "yes", "postscreen_greet_banner": "", "postscreen_bare_newline_action": "enforce"}
    P = screens(t, own, {**own, "postscreen_tls_security_level": "encrypt"}, {**own, "postscreen_tls_security_level": "none"})
    t.start()
    t.title("offered"); s = call(t, P[0], A[0]); t.note(greeting(s)); t.note(ask(s, "EHLO c.example")); ask(s, "MAIL FROM:<>"); t.note(ask(s, b"STARTTLS\r\nRSET\r\n")); encrypt(s)
    for c in ("RCPT TO:<x>", "EHLO d.example", "STARTTLS", "MAIL FROM:<a@z.example>", b"RCPT TO:<alice@example.test>\n", "RCPT TO:<bob@example.test>", "QUIT"): t.note(f"{c} -> " + ask(s, c))
    s.close(); heard(t)
    talk(t, P[1], A[1], "MAIL FROM:<>", "RCPT TO:<x>", "VRFY x", "NOOP", "EHLO c.example", "RSET", "BLURB", title="required"); heard(t)
    t.title("required, and done"); s = call(t, P[1], A[4]); greeting(s); t.note(ask(s, "STARTTLS")); encrypt(s)
    for c in ("EHLO c.example", "MAIL FROM:<>", "RCPT TO:<x>"): t.note(f"{c} -> " + ask(s, c))
    s.close(); heard(t)
    talk(t, P[2], A[2], "EHLO c.example", "STARTTLS", title="none")
    t.title("no handshake"); s = call(t, P[0], A[3]); greeting(s); t.note(ask(s, "STARTTLS")); s.s.sendall(b"this is no handshake at all\r\n"); s.close(); heard(t, drop=("TLS library problem", "SSL_accept error"))
