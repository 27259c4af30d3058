"""smtp_connection_cache_destinations, smtp_connection_reuse_count_limit, smtp_connection_cache_time_limit: how many messages come over one connection, and servers that hang up in between."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); cached = {"smtp_connection_cache_destinations": "$mydomain, static:all", "smtp_connection_cache_time_limit": "30s"}
    table = {"plain": {}, "cached": cached, "listed": {**cached, "smtp_connection_cache_destinations": "mail.listed.example, listed.example, 203.0.113.12"}, "count": {**cached, "smtp_connection_reuse_count_limit": "2"},
             "short": {**cached, "smtp_connection_cache_time_limit": "1s"}, "gone": (cached, {"script": {"RSET": "DROP"}}), "late": (cached, {"script": {"MAIL": ["250 ok", "421 4.3.2 enough", "250 ok"]}}), "rcpt": (cached, {"script": {"RCPT": "550 5.1.1 nobody"}})}
    t.main(default_destination_concurrency_limit="1", connection_cache_ttl_limit="30s")
    servers = onward.ways(t, table); t.start()
    for round in range(4):
        for n in table: t.send("", f"u{round}@{n}.example")
        t.drain(); time.sleep(1.5)
    onward.said(t, servers, drop=(r"\(end\)",)); t.log("status=")
