"""propagate_unmatched_extensions: each class alone, for canonical, virtual, alias, forward, include and generic; with two delimiters."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *
from doors import *


def run(t):
    t.file("canon", "c@example.test canon@example.test\n"); t.file("virt", "v@z.example virt@example.test\n"); t.file("aliases", "a: alice\n"); t.file("gen", "alice@example.test gen@far.example\n")
    hop = t.sink("203.0.113.17", name="hop", ehlo=("8BITMIME",))
    t.main(canonical_maps="texthash:/etc/postfix/canon", virtual_alias_domains="z.example", virtual_alias_maps="texthash:/etc/postfix/virt", alias_maps="texthash:/etc/postfix/aliases", recipient_delimiter="+-", smtp_generic_maps="texthash:/etc/postfix/gen", default_transport="smtp:[203.0.113.17]", local_recipient_maps="", mailbox_transport="smtp:[203.0.113.17]", smtp_connection_cache_on_demand="no", smtpd_relay_restrictions="permit"); t.main(smtpd_relay_restrictions="permit_mynetworks, reject")
    t.start()
    for words in ("", "canonical", "virtual", "alias, generic", "default_value"):
        w = "canonical, virtual" if words == "default_value" else words
        t.title(words or "none"); t.main(propagate_unmatched_extensions=w); t.reload()
        mail(t, "Subject: x\n\nx\n", frm="alice+snd@example.test", to=["c+x@example.test", "v-y@z.example", "v+a-b@z.example", "a+z@example.test", "alice+q@example.test"], src="127.0.0.1"); t.drain()
        t.note(" ".join(sorted(l for s in hop.sessions for l in s if l.startswith(("RCPT", "MAIL"))))); hop.sessions.clear(); hop.messages.clear()
