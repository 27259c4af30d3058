"""Tables that cannot be asked: missing files, unknown types, bad networks, fail:, in every place that looks something up; what is logged and what becomes of mail."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import once


def run(t):
    t.start()
    def go(what, *to, src="127.0.0.1", **kw):
        t.title(what); t.main(**kw); t.reload(); t.logs.clear()
        t.send("s@example.test", list(to) or ["alice"], src=src, mail_args=""); t.drain(); once(t, "warning|error|fatal", "reject:|to=<alice|to=<x@"); t.sh("postsuper -d ALL", quiet=True)
    go("alias database missing", alias_maps="hash:/etc/postfix/nosuch", local_recipient_maps="")
    go("alias table of an unknown type", alias_maps="nonsense:/etc/postfix/x")
    go("alias table that fails", alias_maps="fail:x")
    t.main(alias_maps="texthash:/etc/postfix/aliases")
    go("virtual aliases missing", "alice@example.test", virtual_alias_maps="texthash:/etc/postfix/nosuch")
    go("virtual aliases with an empty value", "alice@example.test", virtual_alias_maps="inline:{{alice@example.test=}}")
    t.file("twice", "a@x b\nA@x c\n"); go("the same key twice", "alice@example.test", virtual_alias_maps="texthash:/etc/postfix/twice")
    t.main(virtual_alias_maps="")
    go("transport fails", "x@z.example", transport_maps="fail:x")
    t.main(transport_maps="")
    go("bad network", "x@z.example", mynetworks="10.0.0.1/8 127.0.0.0/8")
    go("bad network after the match", "x@z.example", mynetworks="127.0.0.0/8 10.0.0.1/8", default_transport="discard")
    go("networks in a missing file", "x@z.example", mynetworks="/etc/postfix/nosuch 127.0.0.0/8")
    go("networks in a table", "x@z.example", mynetworks="cidr:{{127.0.0.0/8 ok}}")
    go("destinations in a table that fails", "alice@example.test", mynetworks="127.0.0.0/8", mydestination="fail:x")
