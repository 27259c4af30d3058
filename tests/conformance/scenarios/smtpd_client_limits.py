"""Limits on one client: connections at once and by rate, messages, recipients; who is excepted."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_client_event_limit_exceptions="203.0.113.11")
    count, rate, messages, rcpts = ports(t, {"smtpd_client_connection_count_limit": "2"}, {"smtpd_client_connection_rate_limit": "2"}, {"smtpd_client_message_rate_limit": "2"}, {"smtpd_client_recipient_rate_limit": "2"}); t.start()
    for src in (STRANGER, "203.0.113.11"):
        t.title(f"connections at once from {src}")
        open_ = []
        for i in range(4):
            s = t.smtp(src=src, dst=ME, port=count, greet=False, quiet=True); t.note(str(i) + " " + ask(s, b"")); open_.append(s)
        for s in open_: s.close()
        time.sleep(0.3)
    t.title("connection rate")
    for i in range(4):
        s = t.smtp(src=STRANGER, dst=ME, port=rate, greet=False, quiet=True); t.note(ask(s, b"")); ask(s, "QUIT"); s.close()
    t.title("message rate"); talk(t, *["MAIL FROM:<a@b.example>"] * 4, after="RSET", port=messages)
    t.title("recipient rate"); talk(t, "MAIL FROM:<a@b.example>", *["RCPT TO:<alice@example.test>"] * 3, "VRFY alice", port=rcpts)
    t.log("limit exceeded", drop=("localhost",))
