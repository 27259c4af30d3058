"""Delay warnings and DSN: only recipients that may hear of delays; confirm_delay_cleared; what has been delivered is not in the warning; then success."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    far = waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later", "RCPT good": "250 2.1.5 Ok"})
    t.main(delay_warning_time="1s", confirm_delay_cleared="yes")
    t.start()
    def go(title, rcpts):
        t.title(title); s = t.smtp(quiet=True); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<alice@example.test> RET=HDRS ENVID=e1")
        for r in rcpts: s.cmd(f"RCPT TO:{r}")
        s.cmd("DATA"); s.data("Subject: hi\nMessage-ID: <1@x>\n\nhello\n"); s.cmd("QUIT"); s.close(); t.drain(); time.sleep(1.2)
        t.sh("postqueue -f", quiet=True); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    go("some want to know", ["<a@far.example>", "<b@far.example> NOTIFY=DELAY", "<c@far.example> NOTIFY=FAILURE", "<d@far.example> NOTIFY=NEVER", "<good@far.example> NOTIFY=SUCCESS ORCPT=rfc822;x@y.example"])
    t.title("cleared"); far.script.clear(); t.sh("postqueue -f", quiet=True); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    far.script["RCPT"] = "450 4.2.0 later"
    go("nobody wants to know", ["<c@far.example> NOTIFY=FAILURE", "<d@far.example> NOTIFY=NEVER"])
    t.log("status=", "notification", "removed"); t.showq()
