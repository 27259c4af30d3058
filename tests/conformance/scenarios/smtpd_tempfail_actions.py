"""What happens while DNS does not answer: reject_tempfail_action and its kin, with each kind of action, before and behind a permit and a reject."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.dns("sf.example", "A", "SERVFAIL"); t.dns("sf.example", "MX", "SERVFAIL"); t.dns("sf.example", "AAAA", "SERVFAIL"); t.dns("7.100.51.198.in-addr.arpa", "PTR", "SERVFAIL")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    actions = ("defer_if_permit", "defer", "defer_if_reject", "nonsense")
    cases = []
    for a in actions[:2]:
        for param, word in (("unknown_address_tempfail_action", "reject_unknown_sender_domain"), ("unknown_address_tempfail_action", "reject_unknown_recipient_domain"), ("unknown_helo_hostname_tempfail_action", "reject_unknown_helo_hostname"), ("reject_tempfail_action", "reject_unknown_sender_domain"), ("reject_tempfail_action", "reject_unknown_helo_hostname")):
            for tail in ("", ", permit_auth_destination", ", reject", ", check_sender_access inline:{{u@sf.example=550 5.7.9 by table}}"):
                cases.append((f"{param}={a}: {word}{tail}", {param: a, "smtpd_recipient_restrictions": word + tail}))
    cases.append(("client", {"smtpd_recipient_restrictions": "reject_unknown_client_hostname"})); cases.append(("reverse", {"smtpd_recipient_restrictions": "reject_unknown_reverse_client_hostname, reject"}))
    cases.append(("no delay", {"smtpd_delay_reject": "no", "smtpd_helo_restrictions": "reject_unknown_helo_hostname", "smtpd_sender_restrictions": "reject_unknown_sender_domain"}))
    cases.append(("warned", {"smtpd_recipient_restrictions": "warn_if_reject reject_unknown_sender_domain, warn_if_reject reject_unknown_helo_hostname"}))
    cases.append(("all deferred", {"smtpd_client_restrictions": "reject_unknown_client_hostname", "smtpd_helo_restrictions": "reject_unknown_helo_hostname", "smtpd_sender_restrictions": "reject_unknown_sender_domain", "smtpd_recipient_restrictions": "permit"}))
    P = ports(t, *[c for _, c in cases]); t.start()
    for (what, _), p in zip(cases, P):
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True)
        out = [ask(s, c).split(" / ")[-1] for c in ("EHLO sf.example", "MAIL FROM:<u@sf.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<u@sf.example>", "RCPT TO:<u@far.example>", "VRFY alice")]
        t.note(f"{what}: " + " | ".join(o for o in out if o[:4] != "250 ")); ask(s, "QUIT"); s.close()
    t.log("reject|warning", drop=("localhost",))
