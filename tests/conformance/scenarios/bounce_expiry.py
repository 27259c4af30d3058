"""maximal_queue_lifetime and bounce_queue_lifetime at zero: one attempt, then the notice."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 come back later"})
    t.main(maximal_queue_lifetime="0", bounce_queue_lifetime="0", notify_classes="2bounce"); t.file("aliases", "postmaster: carol\n")
    t.start()
    t.send("alice@example.test", "u@far.example"); t.drain(); t.mail("alice")
    t.title("null sender"); t.send("", "u@far.example"); t.drain(); t.mail("carol", headers={"subject", "from", "to"})
    t.log("status=", "notification", "removed"); t.showq()
