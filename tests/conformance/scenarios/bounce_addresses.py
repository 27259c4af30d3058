"""double_bounce_sender, bounce_notice_recipient, 2bounce_notice_recipient, delay_notice_recipient, error_notice_recipient: where copies go, from whom, and when they cannot be delivered either."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward, waiting
from agents import heads


def run(t):
    waiting.calm(t); t.main(notify_classes="bounce, 2bounce, delay, protocol, resource, software, policy", double_bounce_sender="twice", bounce_notice_recipient="bob", **{"2bounce_notice_recipient": "carol"}, delay_notice_recipient="dave", error_notice_recipient="gone@nowhere.example", delay_warning_time="1s", minimal_backoff_time="1s", maximal_backoff_time="1s", queue_run_delay="1s")
    far = onward.site(t, "far.example", "203.0.113.10", script={"RCPT no@far.example": "550 5.1.1 no", "RCPT later@far.example": "450 4.2.0 later"}); t.dns("nowhere.example", "A", "203.0.113.11"); t.start()
    t.send("alice@example.test", ["no@far.example"]); t.send("no@far.example", ["no@far.example"]); t.send("", ["no@far.example"]); t.send("twice@example.test", ["no@far.example"]); t.send("alice@example.test", ["later@far.example"])
    time.sleep(2.5); t.drain(); 
    for u in ("alice", "bob", "carol", "dave"): heads(t, u, headers=("from", "to", "subject", "return-path", "auto-submitted"))
    t.log("notification", "status=bounced", "double|undeliverable post")
