"""defer_transports: mail waits for a flush, which lifts it once; other transports go on."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    far = waiting.site(t, "far.example", "203.0.113.10")
    t.main(defer_transports="smtp, relay")
    t.start()
    t.send("alice@example.test", ["u@far.example", "bob@example.test"]); t.drain(); t.log("status="); t.showq()
    t.title("by ID"); i = waiting.ids(t)[0]; t.logs.clear(); t.sh(f"postqueue -i {i}"); t.drain(); t.log("status=", "removed"); t.showq()
    t.title("all"); t.send("alice@example.test", "v@far.example"); t.drain(); t.logs.clear(); t.sh("postqueue -f"); t.drain(); t.log("status=", "removed"); t.showq(); t.note(f"{len(far.messages)} messages arrived")
