"""canonical_classes, sender_canonical_classes and recipient_canonical_classes: each class by itself, all, none, and unknown ones; masquerade_classes beside them."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.file("m", "@a.example @mapped.example\n"); hop = catch(t, virtual_alias_maps="", masquerade_domains="m.example"); t.start()
    kinds = ("envelope_sender", "envelope_recipient", "header_sender", "header_recipient")
    def go(what, **kw):
        t.title(what); base = dict(canonical_maps="", sender_canonical_maps="", recipient_canonical_maps="", canonical_classes="envelope_sender, envelope_recipient, header_sender, header_recipient", sender_canonical_classes="envelope_sender, header_sender", recipient_canonical_classes="envelope_recipient, header_recipient", masquerade_classes="envelope_sender, header_sender, header_recipient")
        t.main(**{**base, **kw}); t.reload(); hop.sessions.clear(); hop.messages.clear()
        t.send("s@a.example", ["r@a.example", "q@host.m.example"], message("From: f@a.example, g@host.m.example", "To: t@a.example, u@host.m.example", "Reply-To: p@a.example", "Sender: x@a.example", "Cc: c@a.example", *FULL[2:])); t.drain()
        for s in hop.sessions: [t.note("  " + l) for l in s if l[:4] in ("MAIL", "RCPT")]
        for m in hop.messages: [t.note("  " + l) for l in m.decode().splitlines() if l.split(":")[0] in ("From", "To", "Reply-To", "Sender", "Cc")]
    for k in kinds[::2]: go(f"sender {k}", sender_canonical_maps="texthash:/etc/postfix/m", sender_canonical_classes=k)
    for k in kinds[1::2]: go(f"recipient {k}", recipient_canonical_maps="texthash:/etc/postfix/m", recipient_canonical_classes=k)
    go("both", canonical_maps="texthash:/etc/postfix/m", canonical_classes="envelope_sender header_recipient", masquerade_classes="envelope_recipient, header_sender")
