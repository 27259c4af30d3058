"""Commands sent without waiting: where that is allowed, where it is noticed, and what a whole pipelined transaction looks like."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    P = ports(t, {"smtpd_forbid_unauth_pipelining": "no"}, {"smtpd_forbid_unauth_pipelining": "no", "smtpd_data_restrictions": "reject_unauth_pipelining", "smtpd_recipient_restrictions": "reject_unauth_pipelining"}); t.start()
    whole = b"MAIL FROM:<a@client.example.org>\r\nRCPT TO:<alice@example.test>\r\nRCPT TO:<no@example.test>\r\nDATA\r\n"
    t.title("allowed"); s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO client.example.org")
    t.note(ask(s, whole, 4)); t.note(ask(s, b"Subject: one\r\n\r\nx\r\n.\r\nMAIL FROM:<a@client.example.org>\r\nRCPT TO:<alice@example.test>\r\nRSET\r\nQUIT\r\n", 5)); s.close()
    for p in P:
        t.title(f"too early, port {p}")
        for early in (b"EHLO client.example.org\r\nMAIL FROM:<a@client.example.org>\r\nRCPT TO:<alice@example.test>\r\n",):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); t.note(ask(s, early, 3)); t.note(ask(s, "DATA")); t.note(ask(s, "RSET")); ask(s, "QUIT"); s.close()
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO client.example.org"); t.note(ask(s, whole + b"Subject: two\r\n\r\nx\r\n.\r\n", 5)); ask(s, "QUIT"); s.close()
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); t.note(ask(s, b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.test>\r\n", 3)); ask(s, "QUIT"); s.close()
    t.drain(); t.mail("alice", headers=("subject",))
    t.log("pipelining|reject|disconnect", drop=("localhost",))
