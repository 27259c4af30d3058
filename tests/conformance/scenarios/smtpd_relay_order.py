"""Relay and recipient restrictions: which is asked first, what each of them may permit, empty ones, destinations of every class, and tricks with routes, percent signs and quotes in recipients."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", relay_domains="rel.example, !not.rel.example", virtual_alias_domains="va.example", virtual_alias_maps="inline:{u@va.example=alice}", virtual_mailbox_domains="vm.example", virtual_mailbox_maps="inline:{u@vm.example=x}", transport_maps="inline:{{tr.example=error:5.1.1 closed}}", permit_mx_backup_networks="", smtpd_reject_unlisted_recipient="no", parent_domain_matches_subdomains="relay_domains")
    sets = [{"smtpd_relay_before_recipient_restrictions": b, "smtpd_relay_restrictions": r, "smtpd_recipient_restrictions": c} for b in ("yes", "no") for r, c in (("reject_unauth_destination", "check_recipient_access static:{REJECT by recipient list}"), ("defer_unauth_destination", ""), ("", "reject_unauth_destination"), ("permit_auth_destination, reject", "check_recipient_access static:{DEFER_IF_PERMIT maybe}"), ("check_client_access static:OK, reject_unauth_destination", "permit_auth_destination, defer"), ("reject_unauth_destination, check_recipient_access static:{DEFER_IF_REJECT wait}", "reject"))]
    P = ports(t, *sets, {"allow_untrusted_routing": "yes"}, {"allow_percent_hack": "no", "swap_bangpath": "no"}, {"resolve_dequoted_address": "no"}, {"smtpd_relay_restrictions": "permit_inet_interfaces, defer_unauth_destination"}); t.start()
    for kw, p in zip(sets, P):
        t.title("; ".join(v or "(none)" for v in kw.values()))
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); ask(s, "MAIL FROM:<a@z.example>")
        for r in ("alice@example.test", "u@far.example", "u@rel.example", "u@sub.rel.example", "u@va.example"): t.note(f"{r}: " + ask(s, f"RCPT TO:<{r}>"))
        ask(s, "QUIT"); s.close()
    forms = ("u@va.example", "u@vm.example", "u@not.rel.example", "u@tr.example", "u%far.example@example.test", "far.example!u@example.test", "@example.test:u@far.example", '"u@far.example"@example.test', "u@far.example@example.test", "u@[192.0.2.1]", "u@[203.0.113.1]", "u%[192.0.2.1]@rel.example", '"u%far.example"@rel.example', "u@rel.example.", "U@REL.EXAMPLE", "u@example.test@rel.example", "u", "u@", "@rel.example", "u%a%b@example.test")
    for p in P[len(sets):]:
        t.title(f"port {p}"); talk(t, "MAIL FROM:<a@z.example>", *[f"RCPT TO:<{r}>" for r in forms], port=p)
    t.log("reject|warning", drop=("localhost",))
