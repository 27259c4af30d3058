"""reject_unverified_sender: codes, reasons, temporary failures and partial caches by parameter; the null sender, our own addresses and the sender of probes; beside reject_unverified_recipient."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward
from doors import *


def run(t):
    onward.steady(t)
    onward.servers(t, {"ok": {}, "no": {"RCPT": "550 5.1.1 no such user"}, "later": {"RCPT": "450 4.2.0 greylisted"}, "mail": {"MAIL": "550 5.7.1 no probes"}})
    base = dict(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", address_verify_poll_count="4", address_verify_poll_delay="1s", address_verify_map="", relay_domains="")
    t.main(**base, smtpd_sender_restrictions="reject_unverified_sender")
    P = ports(t, {}, {"unverified_sender_reject_code": "550", "unverified_sender_defer_code": "451", "unverified_sender_reject_reason": "not a sender we can reach", "unverified_sender_defer_reason": "ask again"}, {"unverified_sender_tempfail_action": "defer", "unverified_sender_reject_code": "250"}, {"unverified_sender_tempfail_action": "defer_if_permit", "smtpd_recipient_restrictions": "reject_unverified_recipient"}, {"smtpd_sender_restrictions": "warn_if_reject reject_unverified_sender"}); t.start()
    for i, p in enumerate(P):
        t.title(f"port {p}"); s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example")
        for f in ("u@ok.example", "u@no.example", "u@later.example", "u@mail.example", "", "alice@example.test", "nobody@example.test", "double-bounce@foo.example.test", "u@absent.invalid"):
            ask(s, f"MAIL FROM:<{f}>"); t.note(f"<{f}>: " + ask(s, "RCPT TO:<bob@example.test>")); ask(s, "RSET")
        ask(s, "QUIT"); s.close()
    t.drain(); t.log("reject", drop=("localhost",))
