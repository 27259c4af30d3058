"""SASL in the client after a failure: smtp_sasl_auth_soft_bounce, a second server, passwords in odd forms, AUTH only after STARTTLS and with smtp_sasl_tls_security_options."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

from secrets import *


def run(t):
    onward.steady(t); pem, key = certificate(t, "mail.tls.example")
    users = {"joe": "secret", "jane": "x:y"}; auth = {"smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": "texthash:/etc/postfix/pw", "smtp_sasl_security_options": "noanonymous"}
    plain, deny = {"auth": users, "mechs": ("PLAIN", "LOGIN")}, {"auth": users, "mechs": ("PLAIN",), "script": {"AUTH": "535 5.7.8 no"}}
    table = {"good": (auth, plain), "colon": (auth, plain), "nopass": (auth, plain), "hard": ({**auth, "smtp_sasl_auth_soft_bounce": "no"}, deny), "soft": (auth, deny), "strict": ({**auth, "smtp_sasl_security_options": "noanonymous, noplaintext"}, plain),
             "tls": ({**auth, "smtp_tls_security_level": "may", "smtp_sasl_security_options": "noplaintext", "smtp_sasl_tls_security_options": "noanonymous"}, {**plain, "tls": (pem, key)}), "tlssame": ({**auth, "smtp_tls_security_level": "may", "smtp_sasl_security_options": "noplaintext"}, {**plain, "tls": (pem, key)}),
             "verified": ({**auth, "smtp_tls_security_level": "may", "smtp_sasl_tls_security_options": "noplaintext", "smtp_sasl_tls_verified_security_options": "noanonymous"}, {**plain, "tls": (pem, key)}), "off": ({**auth, "smtp_sasl_auth_enable": "no"}, plain), "missing": ({**auth, "smtp_sasl_password_maps": "texthash:/etc/postfix/missing"}, plain)}
    servers = onward.ways(t, table)
    t.file("pw", "".join(f"[mail.{n}.example]:{2700 + i} {v}\n" for i, n in enumerate(table) for v in [{"colon": "jane:x:y", "nopass": "joe"}.get(n, "joe:secret")]))
    t.start(); onward.each(t, "alice@example.test", [f"u@{n}.example" for n in table]); onward.said(t, servers); t.log("status=|warning|fatal", drop=("library", "SASL: warning", "warning: texthash"))
    t.showq()
