"""delay_warning_time: the warning, once; then expiry."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    import time
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later"})
    t.main(delay_warning_time="1s", notify_classes="delay, bounce"); t.file("aliases", "postmaster: carol\n")
    t.start()
    t.send("alice@example.test", ["u@far.example", "v@far.example"]); t.drain(); time.sleep(1.2)
    t.sh("postqueue -f"); t.drain(); t.mail("alice"); t.mail("carol", headers={"subject"}); t.sh("rm -f /var/mail/*", quiet=True)
    t.title("no second warning"); t.sh("postqueue -f"); t.drain(); t.mail("alice"); t.log("notification")
