"""A destination that cannot be reached: the rest of its mail is not even tried until its time has come, and a flush gives it another chance."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.mx(t, "dead.example", "mx.dead.example", "203.0.113.15")
    t.main(smtp_destination_concurrency_failed_cohort_limit="1", initial_destination_concurrency="1", smtp_destination_recipient_limit="1")
    t.start()
    t.send("alice@example.test", "a@dead.example"); t.drain(); t.send("alice@example.test", "b@dead.example"); t.drain()
    t.log("status="); t.showq()
    t.title("flush"); t.logs.clear(); t.sh("postqueue -f"); t.drain(); t.log("status=", drop=("suspended",))
