"""notify_classes, one after the other, with recipients of their own: who hears what of bounces, double bounces, delays and refused mail."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting
from agents import heads


def run(t):
    waiting.calm(t)
    t.main(local_recipient_maps="", bounce_notice_recipient="bob", **{"2bounce_notice_recipient": "carol", "delay_notice_recipient": "dave@example.test", "error_notice_recipient": "alice"}, empty_address_recipient="NOBODY", double_bounce_sender="twice")
    for classes in ("bounce", "2bounce", "bounce, 2bounce", "resource, software"):
        t.main(notify_classes=classes); t.start() if classes == "bounce" else t.reload()
        t.title(classes)
        t.send("sender@example.test", "ghost@example.test"); t.drain()
        t.send("", "ghost@example.test"); t.drain()
        t.send("alice@example.test", ["ghost@example.test", "twice@example.test"]); t.drain()
        for who in ("alice", "bob", "carol", "dave"): heads(t, who, headers=("from", "to", "subject", "auto-submitted",)); t.sh(f"rm -f /var/mail/{who}", quiet=True)
        t.log("status=", "notification", "discard|undeliverable"); t.logs.clear(); t.showq()
