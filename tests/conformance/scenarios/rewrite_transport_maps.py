"""transport_maps: keys and their order, every form of result, with and without relayhost; the error transport; a table that fails."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.file("tr", """user@d.example one:
user+ext@d.example two:
d.example three:
.d.example four:[h.example]:26
sub.d.example five:
deep.sub.d.example :
a.example :[only.example]
b.example plain
c.example error:5.2.1 closed for now
e.example error:
f.example retry:4.3.9 later
g.example discard:
localuser@example.test six:
example.test seven:
null.example :
* star:[default.example]
""")
    t.main(transport_maps="texthash:/etc/postfix/tr", recipient_delimiter="+", defer_transports="one two three four five six seven plain star smtp")
    for n in ("one", "two", "three", "four", "five", "six", "seven", "plain", "star"): t.master(f"{n} unix - - n - - smtp")
    t.start()
    rc = ["user@d.example", "user+ext@d.example", "user+other@d.example", "USER@D.EXAMPLE", "x@d.example", "x@sub.d.example", "x@other.sub.d.example", "x@deep.sub.d.example", "x@a.example", "x@b.example", "x@c.example", "x@e.example", "x@f.example", "x@g.example", "localuser", "localuser+x", "bob@example.test", "x@unknown.example", "x@null.example"]
    def go(what, **kw):
        t.title(what); t.logs.clear()
        if kw: t.main(**kw); t.reload()
        t.send("s@example.test", rc, message(*FULL)); t.drain(); t.log("to=<", drop=("double-bounce", "s@example.test")); t.sh("postsuper -d ALL", quiet=True)
    go("as it is"); go("with relayhost", relayhost="[relay.example]")
    go("parents by name", parent_domain_matches_subdomains="transport_maps", relayhost="")
    go("failing", transport_maps="texthash:/etc/postfix/tr fail:1"); once(t, "trivial-rewrite: warning: transport")
