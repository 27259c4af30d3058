"""Error limits, soft, hard and junk, with random commands: when it ends, with which words, and what is counted."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from chance import *

POOL = ["NOOP", "RSET", "VRFY alice", "VRFY nobody", "ETRN x", "BOGUS", "MAIL FROM:<a@z.example>", "MAIL FROM:x y", "RCPT TO:<alice@example.test>", "RCPT TO:<nobody@example.test>", "RCPT TO:<u@far.example>", "DATA", "EHLO c", "HELO", "AUTH x", "STARTTLS"]


def run(t):
    sets = [{"smtpd_hard_error_limit": "4", "smtpd_soft_error_limit": "2"}, {"smtpd_hard_error_limit": "1"}, {"smtpd_junk_command_limit": "3", "smtpd_hard_error_limit": "5"}, {"smtpd_recipient_overshoot_limit": "1", "smtpd_recipient_limit": "2", "smtpd_hard_error_limit": "6"}, {"smtpd_junk_command_limit": "0", "smtpd_hard_error_limit": "3"}, {"smtpd_hard_error_limit": "0"}]
    t.main(smtpd_error_sleep_time="0", notify_classes=""); P = ports(t, *sets); t.start(); r = Chance(15)
    for i in range(72): session(t, ["EHLO c.example", *r.some(POOL if i % 2 else POOL[3:11], 6, 16)], port=P[i % len(P)], cut=3)
    without_numbers(t); t.drain(30); t.log("smtpd: .*(too many|reject|warning)", drop=("localhost",))
