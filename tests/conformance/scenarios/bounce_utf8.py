"""Notices about internationalised mail: addresses, content and notices in UTF-8, and a sender that can only be reached with SMTPUTF8."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    far = waiting.site(t, "far.example", "203.0.113.10"); utf = waiting.site(t, "utf.example", "203.0.113.11", ehlo=("PIPELINING", "8BITMIME", "SMTPUTF8"))
    t.main(local_recipient_maps="", bounce_queue_lifetime="0", notify_classes="2bounce"); t.file("aliases", "postmaster carol\n")
    t.start()
    def go(title, sender, to, body="Subject: hi\n\nhello\n"):
        t.title(title); t.send(sender, to, body=body, mail_args=" SMTPUTF8"); t.drain()
        for who in ("alice", "carol"): t.mail(who); t.sh(f"rm -f /var/mail/{who}", quiet=True)
        for s in (far, utf):
            for m in s.messages: t.note(f"{s.name}: " + "; ".join(l for l in (m.decode("utf-8", "replace") if isinstance(m, bytes) else str(m)).splitlines() if l.lower().startswith(("content-type", "final-recipient", "to:", "content-transfer"))))
            s.messages.clear()
    go("an address in UTF-8", "alice@example.test", "gh\u00f6st@example.test")
    go("a subject in UTF-8", "alice@example.test", "ghost@example.test", "Subject: h\u00e9\n\nh\u00e9llo\n")
    go("a sender in UTF-8", "\u00e4@utf.example", "ghost@example.test", "Subject: h\u00e9\n\nh\u00e9llo\n")
    t.log("status=", "notification")
