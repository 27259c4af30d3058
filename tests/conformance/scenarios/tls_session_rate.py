"""smtpd_client_new_tls_session_rate_limit in STARTTLS and wrapper mode: replies, log lines, who is excepted; sessions that fail and sessions that are resumed."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from secrets import *


def run(t):
    pem, key = certificate(t, "server"); t.main(smtpd_tls_cert_file=pem, smtpd_tls_key_file=key, smtpd_tls_security_level="may", smtpd_client_event_limit_exceptions="203.0.113.11", smtpd_tls_loglevel="0")
    start, wrap, both = ports(t, {"smtpd_client_new_tls_session_rate_limit": "2"}, {"smtpd_client_new_tls_session_rate_limit": "2", "smtpd_tls_wrappermode": "yes"}, {"smtpd_client_new_tls_session_rate_limit": "1", "smtpd_client_connection_rate_limit": "3"}); t.start()
    for src in (STRANGER, "203.0.113.11"):
        t.title(f"STARTTLS from {src}")
        for i in range(4):
            s = t.smtp(src=src, dst=ME, port=start, quiet=True); ask(s, "EHLO c.example"); r = ask(s, "STARTTLS"); t.note(r)
            if r[:3] == "220":
                try: s.s = context().wrap_socket(s.s); s.buf = b""; t.note("  " + ask(s, "EHLO c.example").split(" / ")[0] + " | " + ask(s, "MAIL FROM:<a@z.example>"))
                except OSError as e: t.note("  no handshake")
            ask(s, "QUIT"); s.close()
        t.title(f"wrapper from {src}")
        for i in range(4):
            s = socket.create_connection((ME, wrap), 5, source_address=(src, 0))
            try: w = context().wrap_socket(s); t.note(w.recv(100).decode().strip() or "(closed)"); w.sendall(b"QUIT\r\n"); w.close()
            except OSError: t.note("no handshake")
            s.close()
    t.title("beside the connection rate")
    for i in range(4):
        s = t.smtp(src=STRANGER, dst=ME, port=both, quiet=True, greet=False); t.note(ask(s, b"")); ask(s, "EHLO c.example"); t.note(ask(s, "STARTTLS")); s.close()
    time.sleep(0.3); t.log("limit exceeded|Refusing|too many new", drop=("localhost",))
