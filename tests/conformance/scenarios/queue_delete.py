"""postsuper -d: one, several, from standard input, unknown and invalid IDs, ALL of one queue, ALL; its log lines."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later"})
    t.start()
    for s in "abcde": t.send(f"{s}@example.test", "u@far.example")
    t.drain(); t.logs.clear(); i = {s: waiting.ids(t, sender=f"{s}@example.test")[0] for s in "abcde"}
    t.title("one"); t.sh(f"postsuper -d {i['a']}"); t.showq()
    t.title("again"); t.sh(f"postsuper -d {i['a']}")
    t.title("from standard input"); t.sh("postsuper -d -", stdin=f"{i['b']}\nbad id\nABCDEF012345\n{i['c']}\n"); t.showq()
    t.title("all on hold"); t.sh(f"postsuper -h {i['d']}"); t.sh("postsuper -d ALL hold"); t.showq()
    t.title("two options"); t.sh(f"postsuper -h {i['e']} -d {i['e']}"); t.showq()
    t.title("all of nothing"); t.sh("postsuper -d ALL"); t.sh("postqueue -p")
    t.log("postsuper|removed")
