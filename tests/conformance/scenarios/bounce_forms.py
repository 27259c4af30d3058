"""Notices without SMTPUTF8, with MIME types of the original, threaded, with the obsolete From."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.main(local_recipient_maps="", smtputf8_enable="no", enable_threaded_bounces="yes", header_from_format="obsolete")
    t.start()
    t.title("7bit"); t.send("alice@example.test", "ghost@example.test", body="Subject: hi\nMessage-ID: <abc@x.example>\n\nhello\n", mail_args=" BODY=7BIT"); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    t.title("8bit"); t.send("alice@example.test", "ghost@example.test", body="Subject: hi\nMessage-ID: <abc@x.example>\nMIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\n\nh\u00e4llo\n", mail_args=" BODY=8BITMIME"); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    t.title("nothing said"); t.send("alice@example.test", "ghost@example.test"); t.drain(); t.mail("alice")
