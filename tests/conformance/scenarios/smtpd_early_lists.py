"""smtpd_delay_reject = no: lists that ask about what is not known yet, permits in early lists, and actions on a message that does not exist yet."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_delay_reject="no")
    t.file("any", "/./ REJECT by table\n"); t.file("c", "198.51.100.7 PREPEND X-Client: early\n"); t.file("h", "c.example HOLD early\nr.example REDIRECT bob@example.test\nd.example DISCARD gone\nb.example BCC carol@example.test\nf.example FILTER discard:\n")
    later = ["check_helo_access regexp:/etc/postfix/any", "check_sender_access regexp:/etc/postfix/any", "check_recipient_access regexp:/etc/postfix/any", "reject_non_fqdn_sender", "reject_non_fqdn_recipient", "reject_unlisted_recipient", "reject_unlisted_sender", "reject_unauth_destination", "reject_unknown_sender_domain", "reject_unknown_recipient_domain", "reject_unverified_sender", "reject_sender_login_mismatch",
             "reject_rhsbl_sender list.example", "reject_rhsbl_recipient list.example", "reject_rhsbl_helo list.example", "permit_auth_destination, reject", "reject_unknown_helo_hostname", "reject_invalid_helo_hostname", "reject_multi_recipient_bounce", "permit_mx_backup, reject", "check_recipient_mx_access regexp:/etc/postfix/any", "check_sender_ns_access regexp:/etc/postfix/any"]
    P = ports(t, *[{"smtpd_client_restrictions": w, "smtpd_helo_restrictions": w, "smtpd_sender_restrictions": w} for w in later], {"smtpd_client_restrictions": "permit", "smtpd_helo_restrictions": "permit", "smtpd_recipient_restrictions": "reject"},
              {"smtpd_client_restrictions": "check_client_access texthash:/etc/postfix/c", "smtpd_helo_restrictions": "check_helo_access texthash:/etc/postfix/h"}, {"smtpd_client_restrictions": "defer_if_permit", "smtpd_helo_restrictions": "sleep 0, defer_if_reject", "smtpd_sender_restrictions": "reject_non_fqdn_sender"},
              {"smtpd_helo_restrictions": "reject", "smtpd_helo_required": "no"}, {"smtpd_client_restrictions": "check_client_access inline:{{198.51.100.7=521 5.7.1 closed}}"}, {"smtpd_client_restrictions": "check_client_access inline:{{198.51.100.7=421 4.7.1 closed}}"}); t.start()
    def go(p, helo="EHLO c.example", data=False):
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True, greet=False); out = []
        try: out.append(s.line())
        except (OSError, EOFError): out.append("(closed)")
        for c in (helo, "MAIL FROM:<a@z>", "RCPT TO:<no-one@example.test>", "RCPT TO:<alice@example.test>") + (("DATA",) if data else ()):
            out.append(ask(s, c).split(" / ")[-1])
            if "(closed)" in out[-1]: break
        if out[-1][:3] == "354": out[-1] = quietly(t, s, f"Subject: {helo}\n\nx\n").split(" queued")[0]
        t.note(" | ".join(o for o in out if o[:4] not in ("250 ", "220 ")) or "fine"); ask(s, "QUIT"); s.close()
    for w, p in zip(later, P): t.title(w); go(p)
    for p in P[len(later):]: t.title(f"port {p}"); go(p)
    for h in "crdbf": t.title(h); go(P[len(later) + 1], f"EHLO {h}.example", True)
    t.title("no HELO"); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", port=P[len(later) + 3], helo=None)
    t.drain(); t.mail("alice", headers=("subject", "x-client")); t.mail("bob", headers=("subject",)); t.mail("carol", headers=("subject",)); t.showq(); t.log("reject|warning|smtpd.*(hold|discard|filter|redirect|prepend|bcc):", drop=("localhost",))
