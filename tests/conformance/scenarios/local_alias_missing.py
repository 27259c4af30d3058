"""A missing alias database: what the log says, and that mail waits; a table that is empty, one that fails, several tables in order."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    services(t, "local", {
        "missing": dict(alias_maps="hash:/etc/postfix/no-such-file"), "text": dict(alias_maps="texthash:/etc/postfix/no-such-file"),
        "second": dict(alias_maps="texthash:/etc/postfix/empty texthash:/etc/postfix/names"), "fails": dict(alias_maps="fail:now"),
        "none": dict(alias_maps=""), "inline": dict(alias_maps="inline:{carol=dave, bob=alice}"), "later": dict(alias_maps="texthash:/etc/postfix/names fail:now")})
    t.file("empty", ""); t.file("names", "alice bob\n"); t.start()
    each(t, "x@client.example.org", *(f"{u}@{n}.v.test" for n in ("missing", "text", "second", "fails", "none", "inline", "later") for u in ("alice", "carol")))
    status(t); t.showq()
    for u in ("alice", "bob", "carol", "dave"): t.mail(u, headers=SHORT)
