"""Delivered-To: loops, case, frozen_delivered_to, prepend_delivered_header, and copies that a message brings along."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.file("aliases", "team bob\nnest team\nfile /tmp/d/file\ncmd \"|cat >>/tmp/d/cmd\"\nout away@away.example\n"); t.sh("mkdir -m 1777 /tmp/d", quiet=True)
    t.dns("away.example", "A", "203.0.113.10"); sink = t.sink("203.0.113.10", name="mail.away.example"); home(t, "carol", ".forward", "away@away.example\n")
    a = dict(alias_maps="texthash:/etc/postfix/aliases")
    services(t, "local", {"std": a, "thaw": dict(a, frozen_delivered_to="no"), "nothing": dict(a, prepend_delivered_header=""), "filemd": dict(a, home_mailbox="md/", frozen_delivered_to="no")})
    t.start()
    for n in ("std", "thaw", "nothing", "filemd"):
        each(t, "x@client.example.org", *(f"{u}@{n}.v.test" for u in ("team", "nest", "file", "cmd", "out", "carol", "Alice")), body=f"Subject: {n} {{a}}\nDelivered-To: {{a}}.x\nX-Y: z\n\nDelivered-To: bob@std.v.test\n")
    each(t, "x@client.example.org", "alice@std.v.test", "bob@std.v.test", body="Subject: loop\nDELIVERED-TO:   ALICE@std.v.test\nDelivered-To:\n bob@std.v.test\n\nx\n")
    status(t, drop=(r"to=<x@",)); sink.note(headers=("delivered-to", "subject"))
    for u in ("alice", "bob", "carol"): t.mail(u, headers=("delivered-to", "subject"))
    cat(t, "/tmp/d/file", r"^(From |Delivered|Subject)"); cat(t, "/tmp/d/cmd", r"^(From |Delivered|Subject)"); tree(t, "/home/bob")
