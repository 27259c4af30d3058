"""Reply codes by parameter: for each kind of refusal a 4xx, a 5xx and an odd one, and what becomes of the enhanced status code."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


CODES = ["access_map_reject_code", "access_map_defer_code", "invalid_hostname_reject_code", "maps_rbl_reject_code", "non_fqdn_reject_code", "reject_code", "defer_code", "relay_domains_reject_code", "unknown_address_reject_code",
         "unknown_client_reject_code", "unknown_hostname_reject_code", "multi_recipient_bounce_reject_code", "plaintext_reject_code", "unknown_local_recipient_reject_code", "unknown_relay_recipient_reject_code", "unknown_virtual_alias_reject_code", "unknown_virtual_mailbox_reject_code"]
WORDS = {"reject": "reject", "defer": "defer", "access": "check_sender_access inline:{a@z.example=REJECT}", "access, text": "check_sender_access inline:{{a@z.example=REJECT 5.1.2 no}}", "access defer": "check_sender_access inline:{a@z.example=DEFER}", "helo": "reject_invalid_helo_hostname", "fqdn helo": "reject_non_fqdn_helo_hostname", "fqdn sender": "reject_non_fqdn_sender",
         "rbl": "reject_rbl_client dns.list.example", "sender domain": "reject_unknown_sender_domain", "recipient domain": "reject_unknown_recipient_domain", "client": "reject_unknown_client_hostname", "reverse": "reject_unknown_reverse_client_hostname", "helo host": "reject_unknown_helo_hostname",
         "plain": "reject_plaintext_session", "bounce": "reject_multi_recipient_bounce", "relay": "reject_unauth_destination", "relay later": "defer_unauth_destination"}


def run(t):
    t.dns("7.100.51.198.dns.list.example", "A", "127.0.0.2"); t.dns("list.example", "A", "127.0.0.1"); t.dns("z.example", "A", "198.51.100.9")
    sets = [{c: ("521" if "defer" not in c else "421") for c in CODES}, {c: ("451" if i % 2 else "554") for i, c in enumerate(CODES)}]
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_reject_unlisted_recipient="yes", relay_domains="rel.example", relay_recipient_maps="inline:{u@rel.example=x}", virtual_alias_domains="va.example", virtual_alias_maps="inline:{u@va.example=alice}", virtual_mailbox_domains="vm.example", virtual_mailbox_maps="inline:{u@vm.example=x}")
    P = ports(t, *[dict(s, smtpd_relay_restrictions="", smtpd_recipient_restrictions=f"{w}, reject_unlisted_recipient, reject_unauth_destination") for s in sets for w in WORDS.values()]); t.start()
    for i, p in enumerate(P):
        w = list(WORDS)[i % len(WORDS)]; t.title(f"{w}, set {i // len(WORDS)}")
        frm = {"fqdn sender": "a@z", "sender domain": "a@absent.invalid", "bounce": ""}.get(w, "a@z.example")
        helo = {"helo": "EHLO a..b", "fqdn helo": "EHLO a", "helo host": "EHLO gone.invalid"}.get(w, "EHLO client.example.org")
        to = {"recipient domain": "u@absent.invalid", "relay": "u@far.example", "relay later": "u@far.example"}.get(w, "alice@example.test")
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, helo); out = [ask(s, f"MAIL FROM:<{frm}>"), ask(s, f"RCPT TO:<{to}>")]
        if w == "bounce": out.append(ask(s, "RCPT TO:<bob@example.test>"))
        t.note(" | ".join(out[1:])); ask(s, "QUIT"); s.close()
    for i in (0, 1):
        t.title(f"unknown users, set {i}")
        talk(t, "MAIL FROM:<a@z.example>", *[f"RCPT TO:<no@{d}>" for d in ("example.test", "rel.example", "va.example", "vm.example")], port=P[i * len(WORDS) + list(WORDS).index("sender domain")])
    t.log("reject|warning", drop=("localhost", "postfix/master"))
