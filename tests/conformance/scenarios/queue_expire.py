"""postsuper -e and -f: marks in the listing, and what the next attempt does: a notice with the old reason, or one that names the administrator."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later"})
    t.start()
    t.send("alice@example.test", ["u@far.example", "v@far.example"]); t.drain(); i = waiting.ids(t)[0]
    t.title("expired"); t.sh(f"postsuper -e {i}"); t.sh(f"postsuper -e {i}"); waiting.mailq(t)
    t.logs.clear(); t.sh("postqueue -f"); t.drain(); t.log("status=", "removed", "bounce"); t.mail("alice"); t.sh("rm /var/mail/alice", quiet=True)
    t.title("on hold, expired and released"); t.send("alice@example.test", "u@far.example"); t.drain(); i = waiting.ids(t)[0]
    t.sh(f"postsuper -h {i}"); t.sh(f"postsuper -f {i}"); waiting.mailq(t)
    t.logs.clear(); t.sh("postqueue -f"); t.drain(); t.log("status=", "removed", "bounce"); t.mail("alice", headers={"subject"})
