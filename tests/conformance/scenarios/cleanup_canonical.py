"""canonical_maps and its sender and recipient forms: keys, classes, extensions, repetition, several results, null senders."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.file("all", "joe joseph@c.example\n@old.example @new.example\nchain1@x.example chain2@x.example\nchain2@x.example chain3@x.example\nmany@x.example one@x.example, two@x.example\nloop1@x.example loop2@x.example\nloop2@x.example loop1@x.example\nbare@x.example barely\nq@x.example \"a b\"@x.example\n")
    t.file("snd", "s@x.example sender@y.example\nann+work annwork@y.example\n")
    t.file("rcp", "r@x.example recipient@y.example\n")
    hop = catch(t, canonical_maps="texthash:/etc/postfix/all", sender_canonical_maps="texthash:/etc/postfix/snd", recipient_canonical_maps="texthash:/etc/postfix/rcp", recipient_delimiter="+"); t.start()
    def go(what, frm, *to, **kw):
        t.title(what)
        if kw: t.main(**kw); t.reload()
        t.send(frm, to, message(f"From: Name <{frm or 'x'}>", f"To: {', '.join(to)}", f"Reply-To: {', '.join(to)}", *FULL[2:]))
        t.drain(); hop.note(headers=("from", "to", "reply-to")); hop.sessions.clear(); hop.messages.clear()
    go("keys", "joe@example.test", "joe@foo.example.test", "joe@elsewhere.example", "u+ext@old.example", "joe+ext@example.test", "JOE@EXAMPLE.TEST")
    go("sender and recipient tables", "s@x.example", "r@x.example", "s@x.example")
    go("extensions in keys", "ann+work@example.test", "ann+home@example.test", "r+tag@x.example")
    go("chains, lists, loops", "chain1@x.example", "chain1@x.example", "many@x.example", "loop1@x.example", "bare@x.example", "q@x.example")
    go("null sender", "", "joe@example.test")
    go("classes", "joe@example.test", "joe@example.test", canonical_classes="envelope_recipient, header_sender", sender_canonical_classes="header_sender")
    go("extensions not propagated", "u+ext@old.example", "u+ext@old.example", "r+tag@x.example", propagate_unmatched_extensions="virtual", canonical_classes="envelope_sender, envelope_recipient")
    t.log("multi-valued|nesting|cleanup.*warning")
