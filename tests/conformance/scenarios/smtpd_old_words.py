"""Names of restrictions from before Postfix 2.3 and 3.0: what still acts, and which warnings come once."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


WORDS = ["reject_invalid_hostname", "reject_non_fqdn_hostname", "reject_unknown_hostname", "reject_unknown_client", "reject_unknown_address", "reject_unknown_forward_client_hostname", "reject_rbl dns.list.example", "reject_rhsbl_client list.example", "reject_unknown_recipient_domain", "reject_unlisted_sender",
         "reject_multi_recipient_bounce", "check_etrn_access inline:{x=y}", "permit_tls_all_clientcerts, reject", "permit_tls_clientcerts, reject", "check_ccert_access inline:{x=OK}, reject", "check_sasl_access inline:{x=OK}, reject", "reject_sender_login_mismatch", "permit_naked", "check_recipient_maps, reject", "reject_unknown_reverse_client_hostname"]


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    t.dns("list.example", "A", "192.0.2.3")
    P = ports(t, *[{"smtpd_recipient_restrictions": w + ", permit"} for w in WORDS], {"smtpd_sender_restrictions": "reject_invalid_hostname, reject_non_fqdn_hostname", "smtpd_delay_reject": "no"}); t.start()
    for w, p in zip(WORDS + ["at once"], P):
        t.title(w)
        for helo in ("EHLO a", "EHLO a..b") if "hostname" in w else ("EHLO gone.invalid",):
            talk(t, "MAIL FROM:<nobody-here@example.test>", "RCPT TO:<alice@example.test>", "RCPT TO:<u@absent.invalid>", port=p, helo=helo)
    t.log("reject|warning", drop=("localhost", "postfix/local", "restrictions has"))
