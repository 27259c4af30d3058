"""notify_classes one by one: which errors of a client make a notice, to whom, with which transcript; bounce_notice_recipient, error_notice_recipient; long and odd lines in the transcript."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    classes = ("policy", "protocol", "resource", "software", "data", "bounce", "2bounce, delay", "policy, protocol, bounce, resource, software, data")
    t.main(error_notice_recipient="carol", bounce_notice_recipient="dave", smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    P = ports(t, *[{"notify_classes": c, "message_size_limit": "2000", "smtpd_sender_restrictions": "check_sender_access inline:{{rej@z.example=REJECT} {bad@z.example=nonsense}}"} for c in classes]); t.start()
    for c, p in zip(classes, P):
        talk(t, "FOO " + "w" * 90 + " " + "v" * 30, "MAIL FROM:<rej@z.example>", "RCPT TO:<alice@example.test>", "RSET", "MAIL FROM:<bad@z.example>", "RCPT TO:<alice@example.test>", "RSET", "MAIL FROM:<a@z.example>", "RCPT TO:<no-one@example.test>", "RCPT TO:<alice@example.test>", "DATA", ("Subject: too big\n\n" + "x" * 3000 + "\n",), "FOO\x01\x7f\u00e9", port=p)
        t.note("--- " + c)
    s = t.smtp(src=STRANGER, dst=ME, port=P[1], quiet=True); ask(s, "EHLO c.example"); ask(s, "FOO"); s.close(); time.sleep(0.5)
    t.drain(); t.mail("carol", headers=("subject", "to")); t.mail("dave", headers=("subject", "to")); t.log("postfix/qmgr.*from=<double-bounce", "warning", drop=("localhost",))
