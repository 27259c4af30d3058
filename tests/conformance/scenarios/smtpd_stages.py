"""Every stage with every way to decide, with smtpd_delay_reject on and off: which reply comes when, and in which words."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    stages = ("client", "helo", "sender", "recipient", "data", "end_of_data", "etrn")
    t.file("all", "/./ REJECT by table\n"); t.main(smtpd_relay_restrictions="reject_unauth_destination", smtpd_restriction_classes="strict, mild, loop", strict="reject_non_fqdn_sender, defer", mild="warn_if_reject strict, permit", loop="loop, reject", fast_flush_domains="example.test", relay_domains="relay.example")
    settings = []
    for delay in ("yes", "no"):
        for stage in stages:
            for word in ("reject", "defer", "defer_if_permit", "warn_if_reject reject, permit", "defer_if_reject, reject", "strict", "mild", "check_policy_service inet:127.0.0.1:1"):
                if word.startswith("check_policy") and (delay == "no" or stage != "recipient"): continue
                settings.append(({f"smtpd_{stage}_restrictions": word, "smtpd_delay_reject": delay, "smtpd_policy_service_try_limit": "1"}))
    t.main(smtpd_policy_service_default_action="DEFER_IF_PERMIT policy is away", soft_bounce="no")
    P = ports(t, *settings); t.start()
    for kw, port in zip(settings, P):
        first = next(iter(kw)); t.title(f"{first} = {kw[first]}, delay {kw['smtpd_delay_reject']}")
        s = t.smtp(src=STRANGER, dst=ME, port=port, quiet=True, greet=False); t.note(s.line())
        for c in ("EHLO client.example.org", "ETRN example.test", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<x@elsewhere.example>", "VRFY alice", "DATA"):
            r = ask(s, c)
            if not r.startswith("250-") and not r.startswith("250 "): t.note(f"{c} -> {r}")
        if r.startswith("354"): t.note("content -> " + ask(s, b"Subject: x\r\n\r\nx\r\n.\r\n").replace("queued as", "as")[:40])
        ask(s, "QUIT"); s.close()
    t.log("reject|warning: (?!.*(127.0.0.1|problem talking))", sort=True)
