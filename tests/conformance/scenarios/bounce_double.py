"""Bounces of bounces, of mail from the double-bounce address, and notify_classes bounce and 2bounce."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.main(local_recipient_maps="", notify_classes="bounce, 2bounce"); t.file("aliases", "postmaster: carol\n")
    t.start()
    t.title("null sender"); t.send("", "ghost@example.test"); t.drain(); t.mail("carol"); t.sh("rm -f /var/mail/carol", quiet=True)
    t.title("a sender that does not exist"); t.send("nobody@example.test", "ghost@example.test"); t.drain(); t.mail("carol", headers={"from", "subject", "to", "auto-submitted"}); t.sh("rm -f /var/mail/carol", quiet=True)
    t.title("from double-bounce"); t.send("double-bounce@foo.example.test", "ghost@example.test"); t.drain(); t.mail("carol")
    t.title("to double-bounce"); t.send("alice@example.test", "double-bounce@example.test"); t.drain()
    t.log("status=", "notification", "discarded", "removed")
