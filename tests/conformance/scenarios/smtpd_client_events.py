"""smtpd_client_auth_rate_limit and smtpd_client_event_limit_exceptions, beside the limits on messages and recipients; broken_sasl_auth_clients, exceptions networks, mechanism filter and security options."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from auth import *
from doors import *


def run(t):
    a = Auth(); sasl(t, smtpd_client_event_limit_exceptions=STRANGER)  # else who guesses is slowed
    P = ports(t, {"smtpd_client_auth_rate_limit": "2", "smtpd_client_event_limit_exceptions": "203.0.113.9"}, {"smtpd_client_auth_rate_limit": "1", "smtpd_client_event_limit_exceptions": STRANGER}, {"broken_sasl_auth_clients": "yes"}, {"smtpd_sasl_exceptions_networks": f"{STRANGER}, 203.0.113.0/24"},
              {"smtpd_sasl_mechanism_filter": "!plain, cram-md5, login"}, {"smtpd_sasl_security_options": "noplaintext, noanonymous"}, {"smtpd_sasl_security_options": ""}, {"smtpd_discard_ehlo_keywords": "auth"}, {"smtpd_tls_auth_only": "yes"},
              {"smtpd_sasl_mechanism_filter": "texthash:/etc/postfix/mechs"}, {"smtpd_sasl_service": "submission"}, {"smtpd_helo_required": "yes"}, {"smtpd_soft_error_limit": "1", "smtpd_hard_error_limit": "3", "smtpd_error_sleep_time": "0"})
    t.file("mechs", "login x\ncram-md5 x\n")
    names = ["auth rate", "auth rate, but not for us", "broken clients", "exceptions", "filter", "no plain text", "anonymous", "discarded", "TLS only", "filter by table", "service", "helo", "errors"]
    t.start()
    for name, port in zip(names, P):
        t.title(name); talk(t, "EHLO again.example.org", "AUTH PLAIN " + plain("joe"), port=port); talk(t, "AUTH PLAIN " + plain("bad"), "AUTH PLAIN " + plain("bad"), "AUTH LOGIN " + b64("bad"), "x", "NOOP", port=port)
    t.title("before HELO"); talk(t, "AUTH PLAIN " + plain("joe"), helo=None, port=P[11])
    a.note(t); t.log("warning|discarding|too many")
