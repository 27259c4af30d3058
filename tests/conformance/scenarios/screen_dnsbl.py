"""DNS lists with filters and weights: scores, thresholds, actions, names that are hidden, lists that do not answer."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *

SITES = "one.example*2 two.example=127.0.0.[2;4..8]*3 two.example=127.0.0.9*-1 secret.key.example=127.0.1.3 broken.example*9 nobody.example"
DIALOGUE = ("EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>")


def run(t):
    for i, values in (("10", ["one.example 127.0.0.2"]), ("11", ["one.example 127.0.0.2", "two.example 127.0.0.5 127.0.0.9"]), ("12", ["two.example 127.0.0.3"]), ("13", ["secret.key.example 127.0.1.3 127.0.1.4"]), ("14", ["two.example 127.0.0.9"])):
        for v in values: name, *ips = v.split(); t.dns(f"{i}.113.0.203.{name}", "A", *ips)
    for i in range(10, 20): t.dns(f"{i}.113.0.203.broken.example", "A", "SERVFAIL")
    t.file("names", "secret.key.example key.example\n")
    own = {"postscreen_dnsbl_sites": SITES, "postscreen_dnsbl_reply_map": "texthash:/etc/postfix/names", "postscreen_greet_banner": "", "postscreen_greet_wait": "9s"}
    P = screens(t, *[{**own, "postscreen_dnsbl_action": a, "postscreen_dnsbl_threshold": n} for a, n in (("ignore", "1"), ("enforce", "1"), ("drop", "1"), ("drop", "3"))], {**own, "postscreen_dnsbl_action": "enforce", "postscreen_greet_banner": "$myhostname", "postscreen_greet_wait": "2s"})
    t.start()
    for p, name in zip(P[:2], ("ignore", "enforce")):
        talk(t, p, A[1], *DIALOGUE, title=name); heard(t, drop=("from .*proto",))
    for i in range(5): talk(t, P[2], A[i], title=f"drop, {A[i]}")
    heard(t)
    talk(t, P[3], A[0], title="threshold 3, score 2"); talk(t, P[3], A[1], title="threshold 3, score 4"); heard(t, drop=("dnsblog",))
    talk(t, P[4], A[3], *DIALOGUE, title="with the greeting test"); heard(t, drop=("dnsblog",))
