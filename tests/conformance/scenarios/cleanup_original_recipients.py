"""enable_original_recipient and duplicates: virtual aliases, canonical forms, bcc and the same recipient twice; X-Original-To, orig_to= in the log, ORCPT onward."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *
from doors import *


def run(t):
    t.file("virt", "list@z.example alice@example.test, bob@example.test, alice@example.test\nnick@z.example alice@example.test\nother@z.example alice+tag@example.test\nALL@z.example list@z.example, nick@z.example\n"); t.file("canon", "old@example.test alice@example.test\n"); t.file("rbcc", "bob@example.test bob@example.test, carol@example.test\n")
    t.main(virtual_alias_domains="z.example", virtual_alias_maps="texthash:/etc/postfix/virt", canonical_maps="texthash:/etc/postfix/canon", recipient_bcc_maps="texthash:/etc/postfix/rbcc", recipient_delimiter="+", mail_spool_directory="/var/mail")
    t.start()
    for on in ("yes", "no"):
        t.title(f"enable_original_recipient = {on}"); t.main(enable_original_recipient=on); t.reload()
        for to in (["list@z.example", "nick@z.example"], ["alice@example.test", "Alice@Example.Test", "nick@z.example", "other@z.example"], ["old@example.test", "alice@example.test"], ["all@z.example"], ["bob@example.test"]):
            t.note(mail(t, f"Subject: {on} {' '.join(to)}\n\nx\n", to=to).split(" queued")[0])
        t.drain()
    for u in ("alice", "bob", "carol"): t.mail(u, headers=("subject", "x-original-to", "delivered-to"))
    rows = sorted(l.split(": ", 2)[-1].split(", relay")[0] for l in t.logs if "status=sent" in l); t.note("\n".join(rows))
