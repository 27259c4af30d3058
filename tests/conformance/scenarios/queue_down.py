"""The queue commands while the system is down: root reads the disk, others are told so, changes hold."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later"})
    t.start()
    t.send("a@example.test", "u@far.example"); t.send("b@example.test", "v@far.example"); t.drain(); t.stop()
    waiting.mailq(t); t.sh("postqueue -p", user="bob"); t.sh("postqueue -f"); t.sh("postqueue -s far.example"); t.sh("postqueue -i ABCDEF")
    b = waiting.ids(t, sender="b@example.test")[0]
    t.sh(f"postsuper -h {b}"); t.sh("postsuper -d ALL deferred"); t.showq()
    t.start(); t.showq(); t.sh("postsuper -H ALL"); t.sh("postqueue -f"); t.drain(); t.showq()
