"""relocated_maps and addresses without a user: what the sender is told."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.file("relocated", "gone@example.test gone@new.example\n@moved.example elsewhere\n")
    t.main(relocated_maps="texthash:/etc/postfix/relocated", smtpd_reject_unlisted_recipient="no", mydestination="$myhostname, example.test, moved.example", local_recipient_maps="")
    t.start()
    for to in ("gone@example.test", "any@moved.example", "nobody@example.test"): waiting.inject(t, "alice@example.test", to)
    t.drain(); t.log("status=bounced"); t.mail("alice")
