"""owner-NAME aliases: the sender that forwards and copies have, where failures go, expand_owner_alias, reset_owner_alias, -request names."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.file("aliases", """list alice, away@away.example, nobody-here
owner-list list-owner
list-owner carol
list-request bob
plain alice, away@away.example
outer list, dave
cmd "|exit 69"
owner-cmd carol
deep inner
owner-deep dave
inner alice, bob, away@away.example
""")
    t.dns("away.example", "MX", "10 mail.away.example"); t.dns("mail.away.example", "A", "203.0.113.10"); sink = t.sink("203.0.113.10", name="mail.away.example")
    common = dict(alias_maps="texthash:/etc/postfix/aliases")
    services(t, "local", {"std": common, "expand": dict(common, expand_owner_alias="yes"), "reset": dict(common, reset_owner_alias="yes"), "off": dict(common, owner_request_special="no")})
    t.start()
    for n in ("std", "expand", "reset", "off"):
        t.title(n); each(t, "x@client.example.org", *(f"{a}@{n}.v.test" for a in ("list", "plain", "outer", "cmd", "deep", "list-request")))
        status(t, drop=(r"postfix/(bounce|smtp)",)); t.logs.clear(); sink.note(headers=("delivered-to", "subject"))
        for s in list(sink.sessions): sink.sessions.remove(s)
    heads(t, "alice", "bob", "carol", "dave")
