"""Limits of a session: errors, junk commands, recipients, message size, long lines of content; replies and log lines when they are reached."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_error_sleep_time="0", smtpd_soft_error_limit="5")
    errors, junk, rcpts, size, line = ports(t, {"smtpd_hard_error_limit": "3"}, {"smtpd_junk_command_limit": "2", "smtpd_hard_error_limit": "2"}, {"smtpd_recipient_limit": "3", "smtpd_recipient_overshoot_limit": "2", "smtpd_hard_error_limit": "2"},
                                            {"message_size_limit": "300"}, {"line_length_limit": "512"}); t.start()
    t.title("errors"); talk(t, "FOO", "NOOP", "BAR", "MAIL FROM:<a@b.example>", "BAZ", "NOOP", port=errors)
    t.title("junk"); talk(t, *["NOOP"] * 7, port=junk, helo="HELO x")
    t.title("recipients"); talk(t, "MAIL FROM:<a@b.example>", *["RCPT TO:<alice@example.test>"] * 8, port=rcpts)
    t.title("size"); t.note(mail(t, "Subject: small\n\nx\n", port=size)); t.note(mail(t, "Subject: big\n\n" + "x" * 300 + "\n", port=size)); t.note(mail(t, "Subject: big\n\n" + "line\n" * 60, port=size))
    t.title("lines"); talk(t, "NOOP " + "x" * 505, port=line)
    t.note(mail(t, "Subject: " + "y" * 700 + "\n\n" + "z" * 3000 + "\n.\n", port=line))
    t.drain(); t.mail("alice", headers=("subject",))
    t.log("warning|reject|too many|lost|timeout|disconnect", drop=("localhost",))
