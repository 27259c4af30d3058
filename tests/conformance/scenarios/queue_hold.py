"""postsuper -h and -H: one message, all, by queue name, on a message that is held already; what listings show; a release waits for the next queue run."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    far = waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later"})
    t.start()
    t.send("a@example.test", "u@far.example"); t.send("b@example.test", "v@far.example"); t.drain()
    a, b = waiting.ids(t, sender="a@example.test")[0], waiting.ids(t, sender="b@example.test")[0]
    for c in (f"-h {a}", f"-h {a}", "-h ALL deferred", "-h ALL", f"-H {b}", f"-H {b}", "-H ALL deferred", "-H ALL hold", "-h 0123456789", "-H nosuch"):
        t.title(c.replace(a, "A").replace(b, "B")); t.sh(f"postsuper {c}", quiet=False); t.showq()
    t.title("a flush leaves held mail alone"); t.sh(f"postsuper -h {a}"); t.logs.clear(); t.sh("postqueue -f"); t.drain(); t.log("status="); t.showq()
    t.title("flushing a held message by its ID does nothing"); t.logs.clear(); t.sh(f"postqueue -i {a}"); t.drain(); t.log("status="); t.showq()
    t.title("released and flushed"); t.sh(f"postsuper -H {a}"); t.logs.clear(); t.sh("postqueue -f"); t.drain(); t.log("status="); t.showq()
