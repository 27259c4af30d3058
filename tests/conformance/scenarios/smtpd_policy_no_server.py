"""A policy service that is no address: Postfix's smtpd does not start."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    P = ports(t, {"smtpd_recipient_restrictions": "check_policy_service nonsense"}); t.start()
    talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", port=P[0]); t.log("fatal")
