"""sendmail -bv and -v: reports of what would happen and of what happened."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT bad": "550 5.1.1 no such user"})
    t.main(local_recipient_maps="")
    t.start()
    t.title("-bv"); t.sendmail("-bv bob@example.test bad@far.example good@far.example"); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    t.title("-bv of nobody"); t.sendmail("-bv ghost@example.test"); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    t.title("-v"); t.sendmail("-v ghost@example.test", "Subject: hi\n\nhello\n"); t.drain(); t.mail("alice", headers={"subject"})
    t.log("status=", "notification")
