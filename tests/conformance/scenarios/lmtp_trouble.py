"""lmtp(8): time limits of each stage, logins, security levels, refusals at each stage, sessions that end early, bind addresses, connection cache."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); t.main(connection_cache_ttl_limit="30s"); one = {k: "1s" for k in ("lmtp_connect_timeout", "lmtp_lhlo_timeout", "lmtp_mail_timeout", "lmtp_rcpt_timeout", "lmtp_data_init_timeout", "lmtp_data_done_timeout", "lmtp_quit_timeout", "lmtp_rset_timeout")}; auth = {"lmtp_sasl_auth_enable": "yes", "lmtp_sasl_password_maps": "static:joe:secret", "lmtp_sasl_security_options": "noanonymous"}
    table = {f"hang{v.lower().replace('.', 'dot')}": (one, {"script": {v: "HANG"}}) for v in ("CONNECT", "LHLO", "MAIL", "RCPT", "DATA", ".", "QUIT")}
    table.update({f"drop{v.lower().replace('.', 'dot')}": ({}, {"script": {v: "DROP"}}) for v in ("CONNECT", "LHLO", "MAIL", "RCPT", "DATA", ".")})
    table.update({"login": (auth, {"auth": {"joe": "secret"}, "mechs": ("PLAIN",)}), "badlogin": (auth, {"auth": {"joe": "other"}, "mechs": ("PLAIN",)}), "hardlogin": ({**auth, "lmtp_sasl_auth_soft_bounce": "no"}, {"auth": {"joe": "other"}, "mechs": ("PLAIN",)}), "filtered": ({**auth, "lmtp_sasl_mechanism_filter": "login"}, {"auth": {"joe": "secret"}, "mechs": ("PLAIN",)}),
                  "encrypt": {"lmtp_tls_security_level": "encrypt"}, "may": {"lmtp_tls_security_level": "may"}, "bound": {"lmtp_bind_address": "198.51.100.7"}, "lhlo": ({}, {"script": {"LHLO": "502 5.5.1 what"}}), "mailno": ({}, {"script": {"MAIL": "550 5.7.1 no"}}), "datano": ({}, {"script": {"DATA": "452 4.3.1 full"}}), "cached": {"lmtp_connection_cache_destinations": "mail.cached.example, cached.example, static:x", "lmtp_connection_cache_time_limit": "30s"}})
    servers = onward.ways(t, table, program="lmtp", lmtp=True); t.start()
    for n in table: t.send("", [f"u@{n}.example", f"v@{n}.example"])
    t.drain(timeout=15); t.send("", ["u@cached.example"]); t.drain(); onward.said(t, {n: s for n, s in servers.items() if n[:4] not in ("hang", "drop")}); t.log("postfix/(\\w+/)?lmtp: "); t.note(f"bound: {servers['bound'].peers}")
