"""Without notify_classes a bounce that cannot be delivered vanishes."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.main(local_recipient_maps="", notify_classes="")
    t.start()
    t.send("", "ghost@example.test"); t.send("nobody@example.test", "ghost@example.test"); t.drain(); t.showq()
    t.log("status=", "notification", "removed"); t.mail("root"); t.mail("postmaster")
