"""Lifetimes: mail, notices and probes that are too old at their first or second attempt; NOTIFY; several recipients with different fates."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting
from agents import heads


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later", "RCPT bad": "550 5.1.1 no", "RCPT ok": "250 2.1.5 Ok"}) 
    t.main(maximal_queue_lifetime="3s", bounce_queue_lifetime="3s", local_recipient_maps="", notify_classes="bounce, 2bounce, delay", delay_warning_time="1h"); t.file("aliases", "postmaster carol\n")
    t.start()
    def go(title, sender, rcpts):
        t.title(title); s = t.smtp(quiet=True); s.cmd("EHLO x"); s.cmd(f"MAIL FROM:<{sender}>")
        for r in rcpts: s.cmd(f"RCPT TO:{r}")
        s.cmd("DATA"); s.data("Subject: hi\nMessage-ID: <1@x>\n\nhello\n"); s.cmd("QUIT"); s.close(); t.drain(); t.showq()
        time.sleep(3.2); t.sh("postqueue -f", quiet=True); t.drain(); t.showq(); t.log("status=", "notification", "removed"); t.logs.clear()
        for who in ("alice", "carol"): heads(t, who, headers=("subject", "to",)); t.sh(f"rm -f /var/mail/{who}", quiet=True)
    go("several", "alice@example.test", ["<u@far.example>", "<bad@far.example>", "<ok@far.example>", "<never@far.example> NOTIFY=NEVER", "<delay@far.example> NOTIFY=DELAY"])
    go("null sender", "", ["<u@far.example>", "<ok@far.example>"])
    go("a sender that cannot be reached", "back@far.example", ["<bad@far.example>"])
