"""smtp_sasl_auth_cache_name: a login that failed is not tried again until smtp_sasl_auth_cache_time is over, and with another password at once."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); auth = {"smtp_sasl_auth_enable": "yes", "smtp_sasl_security_options": "noanonymous", "smtp_sasl_auth_cache_time": "2s"}
    server = {"auth": {"joe": "secret"}, "mechs": ("PLAIN",)}
    table = {"cache": ({**auth, "smtp_sasl_auth_cache_name": "proxy:btree:/var/lib/postfix/sasl"}, server), "open": (auth, server), "hard": ({**auth, "smtp_sasl_auth_cache_name": "proxy:btree:/var/lib/postfix/sasl2", "smtp_sasl_auth_soft_bounce": "no"}, server)}
    t.main(proxy_write_maps="proxy:btree:/var/lib/postfix/sasl, proxy:btree:/var/lib/postfix/sasl2", smtp_sasl_password_maps="texthash:/etc/postfix/pw")
    servers = onward.ways(t, table); t.file("pw", "".join(f"[mail.{n}.example]:{2700 + i} joe:wrong\n" for i, n in enumerate(table))); t.start()
    for k in range(2): onward.each(t, "", [f"u{k}@{n}.example" for n in table])
    time.sleep(2.2); onward.each(t, "", [f"u3@{n}.example" for n in table])
    t.file("pw", "".join(f"[mail.{n}.example]:{2700 + i} joe:secret\n" for i, n in enumerate(table))); t.reload()
    onward.each(t, "", [f"u4@{n}.example" for n in table])
    for n, s in servers.items(): t.note(f"{n}: " + ", ".join("login" if any("AUTH" in l for l in x) else "no login" for x in s.sessions))
    t.log("status=|warning|fatal", drop=("library", "SASL: warning"))
