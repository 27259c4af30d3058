"""Time limits of the rest of the dialogue: XFORWARD, AUTH, STARTTLS, QUIT, RSET, and servers that end after each of them."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

from secrets import *


def run(t):
    onward.steady(t); pem, key = certificate(t, "mail.tls.example")
    one = {k: "1s" for k in ("smtp_xforward_timeout", "smtp_starttls_timeout", "smtp_quit_timeout", "smtp_rset_timeout", "smtp_helo_timeout", "smtp_mail_timeout", "smtp_data_xfer_timeout")}
    forward = {"ehlo": ("XFORWARD NAME ADDR PROTO HELO",)}; login = {"smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": "static:joe:secret", "smtp_sasl_security_options": "noanonymous"}; server = {"auth": {"joe": "secret"}, "mechs": ("PLAIN",)}
    table = {}
    for end in ("HANG", "DROP"):
        n = end.lower()
        table[f"forward{n}"] = ({**one, "smtp_send_xforward_command": "yes"}, {**forward, "script": {"XFORWARD": end}}); table[f"tls{n}"] = ({**one, "smtp_tls_security_level": "may"}, {"tls": (pem, key), "script": {"STARTTLS": end}}); table[f"quit{n}"] = ({**one, "smtp_skip_quit_response": "no"}, {"script": {"QUIT": end}}); table[f"rset{n}"] = (one, {"script": {"RCPT": "550 5.1.1 no", "RSET": end}})
    table["forwardno"] = ({"smtp_send_xforward_command": "yes"}, {**forward, "script": {"XFORWARD": "501 5.5.4 no"}}); table["tlsno"] = ({"smtp_tls_security_level": "encrypt"}, {"tls": (pem, key), "script": {"STARTTLS": "454 4.7.0 not now"}}); table["authfull"] = (login, server)
    servers = onward.ways(t, table); t.start(); onward.each(t, "", [f"u@{n}.example" for n in table]); onward.said(t, servers, drop=("XFORWARD NAME",)); t.log("status=|warning")
