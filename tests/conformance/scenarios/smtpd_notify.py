"""notify_classes: the transcript that the postmaster gets for protocol and policy errors, and for none."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(notify_classes="protocol, policy", error_notice_recipient="carol"); t.start()
    talk(t, "FOO", "MAIL FROM:<a@b.example>", "RCPT TO:<x@elsewhere.example>", "RCPT TO:<alice@example.test> " + "x" * 90)
    talk(t, "MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test>", "DATA", ("Subject: fine\n\nx\n",))
    s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "BAR"); s.close()
    time.sleep(0.5); t.drain(); t.mail("carol", headers=("from", "to", "subject")); t.mail("alice", headers=("subject",)); t.log("smtpd", drop=("localhost",))
