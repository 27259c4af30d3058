"""Parameters by their old names, and respectful_logging = no."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    t.dns("10.113.0.203.good.example", "A", "127.0.0.2")
    P = screens(t, {"postscreen_access_list": "static:reject", "postscreen_blacklist_action": "drop"}, {"postscreen_whitelist_interfaces": "127.0.0.1", "postscreen_dnsbl_ttl": "1h"},
                {"postscreen_dnsbl_whitelist_threshold": "-1", "postscreen_dnsbl_sites": "good.example*-1", "postscreen_pipelining_enable": "yes"}, {"respectful_logging": "no", "postscreen_access_list": "cidr:/etc/postfix/access", "postscreen_whitelist_interfaces": "127.0.0.1"})
    t.file("access", "203.0.113.11 permit\n203.0.113.12 reject\n"); t.start()
    talk(t, P[0], A[0], title="blacklist_action"); talk(t, P[1], A[0], "NOOP", title="whitelist_interfaces"); talk(t, P[2], A[0], "NOOP", title="whitelist_threshold"); heard(t)
    for i in range(3): talk(t, P[3], A[i], "NOOP", title=f"words, {A[i]}")
    heard(t)
