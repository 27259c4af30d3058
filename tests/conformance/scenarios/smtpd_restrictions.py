"""Restriction lists: permit, reject, defer, warn_if_reject, defer_if_permit, defer_if_reject, sleep, classes, unknown words, each stage."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_restriction_classes="one, two", one="two", two="reject_non_fqdn_sender")
    R = ["permit", "reject", "defer", "permit, reject", "reject, permit", "warn_if_reject reject, permit", "warn_if_reject, reject_unauth_destination, reject", "defer_if_permit", "defer_if_permit, reject", "defer_if_reject, reject", "defer_if_reject, permit", "sleep 1, reject", "sleep x", "one", "no_such_restriction",
         "check_recipient_access", "check_recipient_access nonsense", "permit_auth_destination, reject", "permit_mynetworks, permit_inet_interfaces, reject_unauth_destination", "reject_unauth_pipelining", "reject_non_fqdn_recipient, reject_unlisted_recipient", "reject_plaintext_session",
         "reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname", "permit_sasl_authenticated, reject_sender_login_mismatch", "reject_multi_recipient_bounce"]
    P = ports(t, *[{"smtpd_recipient_restrictions": r} for r in R], {"smtpd_client_restrictions": "reject", "smtpd_delay_reject": "no"}, {"smtpd_client_restrictions": "permit_mynetworks, reject"}, {"smtpd_sender_restrictions": "reject_non_fqdn_sender", "smtpd_delay_reject": "no"},
              {"smtpd_data_restrictions": "reject"}, {"smtpd_end_of_data_restrictions": "reject"}, {"smtpd_etrn_restrictions": "permit_mynetworks, reject"}); t.start()
    for r, p in zip(R, P):
        t.title(r); talk(t, "MAIL FROM:<a@client>", "RCPT TO:<alice@example.test>", "RCPT TO:<x@elsewhere.example>", "RCPT TO:<postmaster>", port=p)
    for p in P[len(R):]:
        t.title(f"port {p}"); talk(t, "ETRN x.example", "MAIL FROM:<a@client>", "MAIL FROM:<a@client.example.org>", "RCPT TO:<alice@example.test>", "DATA", b"Subject: x\r\n\r\nx\r\n.\r\n", port=p)
    t.log("reject|warning|disconnect", drop=("overriding", "localhost", "postfix/local"))
