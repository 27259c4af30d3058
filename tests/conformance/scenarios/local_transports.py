"""mailbox_transport, mailbox_transport_maps, fallback_transport, fallback_transport_maps, luser_relay; unknown users, postmaster and mailer-daemon without alias."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    hop = t.sink("203.0.113.17", name="hop")
    script(t, "/usr/local/bin/rec", 'echo "<$*>" >>/tmp/rec')
    t.master("piped unix - n n - - pipe\n  user=vmail argv=/usr/local/bin/rec ${recipient} ${nexthop}")
    t.file("aliases", "team alice, unknown-one, bob\n"); a = dict(alias_maps="texthash:/etc/postfix/aliases")
    services(t, "local", {"mt": dict(a, mailbox_transport="piped:over.there"), "mtd": dict(a, mailbox_transport="piped"), "mtm": dict(a, mailbox_transport_maps="inline:{alice=piped:map, bob=smtp:[203.0.113.17]}"), "ft": dict(a, fallback_transport="piped:back"),
        "ftm": dict(a, fallback_transport_maps="inline:{nobody-here=piped:fmap, err=error:5.1.6 has moved}"), "err": dict(a, mailbox_transport="error:mailboxes are closed"), "retry": dict(a, mailbox_transport="retry:4.7.7 later"), "disc": dict(a, mailbox_transport="discard:silently"),
        "lr": dict(a, luser_relay="carol"), "lru": dict(a, luser_relay="${user}@away.example"), "lrd": dict(a, luser_relay="carol+$local", recipient_delimiter="+"), "lrs": dict(a, luser_relay="$user@example.test"), "none": a, "mfail": dict(a, mailbox_transport_maps="fail:x"), "ffail": dict(a, fallback_transport_maps="fail:x")}, nexthop="Hop.example")
    t.dns("away.example", "A", "203.0.113.17"); t.start()
    for n in ("mt", "mtd", "mtm", "ft", "ftm", "err", "retry", "disc", "lr", "lru", "lrd", "lrs", "none", "mfail", "ffail"):
        t.title(n); each(t, "x@client.example.org", *(f"{u}@{n}.v.test" for u in ("alice", "bob", "team", "nobody-here", "err", "postmaster", "MAILER-DAEMON")))
        status(t, r"passing <", drop=(r"to=<x@", r"postfix/bounce")); t.logs.clear()
    t.sh("sort /tmp/rec; rm /tmp/rec"); hop.note(headers=("delivered-to", "subject")); heads(t, "carol")
