"""warn_if_reject in front of every restriction word: nothing is refused, and the log has reject_warning with the reply there would have been."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


WORDS = ["reject", "defer", "reject_invalid_helo_hostname", "reject_non_fqdn_helo_hostname", "reject_unknown_helo_hostname", "reject_non_fqdn_sender", "reject_non_fqdn_recipient", "reject_unknown_sender_domain", "reject_unknown_recipient_domain", "reject_unlisted_sender", "reject_unlisted_recipient", "reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname", "reject_rbl_client list.example", "reject_rhsbl_sender rl.example",
         "reject_rhsbl_helo rl.example", "reject_rhsbl_recipient rl.example", "reject_rhsbl_client rl.example", "reject_rhsbl_reverse_client rl.example", "reject_unauth_destination", "defer_unauth_destination", "reject_plaintext_session", "reject_sender_login_mismatch", "reject_unauthenticated_sender_login_mismatch", "reject_authenticated_sender_login_mismatch", "reject_known_sender_login_mismatch", "reject_multi_recipient_bounce", "reject_unauth_pipelining", "check_client_access static:REJECT",
         "check_helo_access static:{DEFER later}", "check_sender_access static:{DEFER_IF_PERMIT maybe}", "check_recipient_access static:{DEFER_IF_REJECT maybe}", "check_sender_mx_access static:REJECT", "check_sender_access static:HOLD", "check_sender_access static:DISCARD", "check_sender_access static:no_such_word", "check_policy_service inet:127.0.0.1:1", "defer_if_permit", "defer_if_reject", "permit", "permit_mynetworks", "no_such_word", "sleep 0", "check_sender_access texthash:/etc/postfix/absent"]


def run(t):
    t.dns("7.100.51.198.list.example", "A", "127.0.0.2"); t.dns("z.rl.example", "A", "127.0.0.2"); t.dns("c.rl.example", "A", "127.0.0.2"); t.dns("rl.example", "A", "127.0.0.2")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_relay_restrictions="check_recipient_access static:OK, reject_unauth_destination", smtpd_policy_service_try_limit="1", smtpd_sasl_auth_enable="no", smtpd_sender_login_maps="static:somebody", smtpd_reject_unlisted_recipient="no")
    P = ports(t, *[{"smtpd_recipient_restrictions": f"warn_if_reject {w}, check_recipient_access inline:{{{{dave@example.test=REJECT end}}}}, permit"} for w in WORDS]); t.start()
    for w, p in zip(WORDS, P):
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c"); out = [ask(s, c) for c in ("MAIL FROM:<nobody@z>", "RCPT TO:<no-one@example.test>", "RCPT TO:<u@absent>", "RCPT TO:<dave@example.test>")]
        t.note(f"{w}: " + " | ".join(out[1:])); ask(s, "QUIT"); s.close()
    t.log("reject|warning|hold|discard", drop=("localhost", "postfix/local"))
