"""virtual(8) with tables and files that are wrong: relative base, .., bad IDs, missing entries, minimum ID, owner, not regular, no rights, limits."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    c = dict(virtual_mailbox_base="/var/vmail", virtual_mailbox_maps="inline:{ {a@LIST.v.test = LIST/a}, {m@LIST.v.test = LIST/m/} }", virtual_uid_maps="static:972", virtual_gid_maps="static:972")
    of = lambda n, **more: {k: v.replace("LIST", n) for k, v in dict(c, **more).items()}
    services(t, "virtual", {"base": of("base", virtual_mailbox_base="var/vmail"), "up": of("up", virtual_mailbox_maps="static:up/../../x"), "uid": of("uid", virtual_uid_maps="static:97x"), "low": of("low", virtual_uid_maps="static:99"), "min": of("min", virtual_minimum_uid="973"),
        "root": of("root", virtual_gid_maps="static:0"), "nouid": of("nouid", virtual_uid_maps="inline:{x=y}"), "nogid": of("nogid", virtual_gid_maps="inline:{x=y}"), "big": of("big", virtual_uid_maps="static:4294967295"), "fail": of("fail", virtual_mailbox_maps="fail:x"), "failuid": of("failuid", virtual_uid_maps="fail:x"),
        "own": of("own"), "loose": of("loose", strict_mailbox_ownership="no"), "rights": of("rights"), "kind": of("kind"), "links": of("links"), "limit": of("limit", virtual_mailbox_limit="3000", message_size_limit="3000")})
    t.sh("cd /var/vmail; mkdir own loose rights kind links limit; chown 972:972 own loose kind links limit; touch own/a loose/a; chown alice own/a; chown alice:users loose/a; chmod 666 loose/a; mkdir kind/a; touch kind/m; touch links/b; chown 972 links/b; ln links/b links/a; ln -s /tmp links/m", quiet=True)
    t.start()
    for n in ("base", "up", "uid", "low", "min", "root", "nouid", "nogid", "big", "fail", "failuid", "own", "loose", "rights", "kind", "links"): each(t, "x@client.example.org", f"a@{n}.v.test", f"m@{n}.v.test")
    each(t, "x@client.example.org", "a@limit.v.test", "a@limit.v.test", "m@limit.v.test", body="Subject: s\n\n" + ("x" * 60 + "\n") * 30)
    status(t, drop=(r"to=<x@", r"postfix/qmgr: warning", r"postfix/master: warning")); tree(t, "/var/vmail")
