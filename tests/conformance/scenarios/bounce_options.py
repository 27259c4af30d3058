"""DSN: NOTIFY never, failure, success; RET; ENVID; ORCPT; what the sender gets."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT bad": "550 5.1.1 no such user"})
    t.main(local_recipient_maps="")
    t.start()
    def go(title, mail, rcpts):
        t.title(title); s = t.smtp(quiet=True); s.cmd("EHLO client.example.org"); s.cmd(f"MAIL FROM:<alice@example.test>{mail}")
        for r in rcpts: s.cmd(f"RCPT TO:{r}")
        s.cmd("DATA"); s.data("Subject: hi\nMessage-ID: <1@x>\n\nhello\n"); s.cmd("QUIT"); s.close(); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    go("never", "", ["<ghost@example.test> NOTIFY=NEVER"])
    go("delay only", "", ["<ghost@example.test> NOTIFY=DELAY"])
    go("headers, envelope ID, original recipient", " RET=HDRS ENVID=my+2Bid", ["<ghost@example.test> NOTIFY=FAILURE ORCPT=rfc822;Old+40else.example"])
    go("success, local and remote", " RET=FULL ENVID=xyz", ["<bob@example.test> NOTIFY=SUCCESS", "<good@far.example> NOTIFY=SUCCESS,FAILURE", "<ghost@example.test> NOTIFY=SUCCESS"])
    t.log("notification", "removed")
