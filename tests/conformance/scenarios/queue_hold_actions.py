"""HOLD, DISCARD, FILTER, REDIRECT and BCC decided at the door, then the way through the queue: held mail released, deleted, requeued; several decisions at once."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting
from agents import heads


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10")
    t.file("hc", "/^X-Do: hold/ HOLD looks odd\n/^X-Do: redirect/ REDIRECT carol@example.test\n/^X-Do: filter/ FILTER error:5.7.1 filtered\n/^X-Do: bcc/ BCC dave@example.test\n/^X-Also: hold/ HOLD also\n/^X-Also: discard/ DISCARD silently\n/^X-Also: redirect/ REDIRECT bob@example.test\n")
    t.main(header_checks="regexp:/etc/postfix/hc", enable_long_queue_ids="no")
    t.start()
    for do, also in (("hold", ""), ("redirect", ""), ("filter", ""), ("bcc", ""), ("redirect", "hold"), ("filter", "redirect"), ("redirect", "redirect"), ("bcc", "discard"), ("bcc", "redirect"), ("hold", "hold")):
        t.title(f"{do} {also}"); t.send("alice@example.test", ["bob@example.test", "u@far.example"], body=f"Subject: {do} {also}\nX-Do: {do}\nX-Also: {also}\n\nx\n"); t.drain(); t.showq(); t.log("status=", "cleanup.*(hold|redirect|filter|bcc|discard)", "removed"); t.logs.clear()
        for h in waiting.ids(t): t.sh(f"postsuper -H {h}", quiet=True)
        t.sh("postqueue -f", quiet=True); t.drain(); t.log("status="); t.logs.clear()
    t.title("held, then requeued"); t.send("alice@example.test", "bob@example.test", body="Subject: x\nX-Do: hold\n\nx\n"); t.drain(); t.sh(f"postsuper -r {waiting.ids(t)[0]}"); t.sh("postqueue -f"); t.drain(); t.showq(); t.log("cleanup.*hold", "status=", "removed")
    for who in ("alice", "bob", "carol", "dave"): heads(t, who, headers=("subject", "x-original-to", "delivered-to",))
