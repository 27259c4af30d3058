"""masquerade_domains: parents, exclusions with !, order, exceptions, and each class of address."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


ADDRS = "joe@a.big.example, root@a.big.example, joe@keep.big.example, joe@x.keep.big.example, joe@big.example, Joe@B.BIG.Example, joe@abig.example, \"j o\"@c.big.example, joe@d.other.example"


def run(t):
    hop = catch(t, masquerade_domains="!keep.big.example big.example, other.example", masquerade_exceptions="root, daemon"); t.start()
    def go(what, **kw):
        t.title(what)
        if kw: t.main(**kw); t.reload()
        t.send("joe@m.big.example", ["rcpt@r.big.example", "root@r.big.example"], message(f"From: joe@m.big.example", f"To: {ADDRS}", *FULL[2:]))
        t.drain(); hop.note(headers=("from", "to")); hop.sessions.clear(); hop.messages.clear()
    go("default classes")
    go("recipients of the envelope too", masquerade_classes="envelope_sender, envelope_recipient, header_sender, header_recipient")
    go("only headers", masquerade_classes="header_sender")
    go("the first match counts", masquerade_classes="envelope_sender, header_recipient", masquerade_domains="a.big.example big.example")
