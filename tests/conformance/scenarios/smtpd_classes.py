"""Restriction classes: nested, in tables, without text, that name themselves, that hide a restriction, and how far permit and warn_if_reject reach."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_restriction_classes="outer, inner, permits, blank, tables, ping, pong, warns, reject_unauth_pipelining, many, policyclass, dnslist, defers", outer="inner, reject_non_fqdn_sender, check_sender_access inline:{{in@z.example=REJECT outer saw it}}", inner="check_sender_access inline:{in@z.example=DUNNO, stop@z.example=OK, not@z.example=reject}",
           permits="permit", blank=",", tables="check_recipient_access inline:{{alice@example.test=permits, reject} {bob@example.test=outer, defer} {carol@example.test=warns}}", ping="check_sender_access inline:{{loop@z.example=pong}}", pong="check_sender_access inline:{{loop@z.example=ping}}", warns="warn_if_reject check_sender_access inline:{{not@z.example=REJECT once}}, check_sender_access inline:{{not@z.example=REJECT twice}}",
           reject_unauth_pipelining="reject", many=", ".join(["inner"] * 40), policyclass="check_policy_service inet:127.0.0.1:1", dnslist="reject_rbl_client list.example=127.0.0.2, permit_mynetworks", defers="defer_if_permit", smtpd_policy_service_try_limit="1")
    R = ["outer, reject", "permits, reject", "blank, reject", "tables, reject", "ping, reject", "warns", "warn_if_reject inner, reject_non_fqdn_sender", "warn_if_reject outer", "warn_if_reject tables, reject", "reject_unauth_pipelining", "many, reject", "policyclass", "dnslist", "defers, permit", "defers, reject", "check_sender_access inline:{stop@z.example=undefined_class}", "check_client_access static:permits, reject", "check_sender_access static:tables", "inner,outer,tables,warns,defers"]
    P = ports(t, *[{"smtpd_recipient_restrictions": r} for r in R], {"smtpd_client_restrictions": "tables", "smtpd_helo_restrictions": "outer", "smtpd_sender_restrictions": "warns", "smtpd_data_restrictions": "tables", "smtpd_end_of_data_restrictions": "inner"}); t.start()
    for r, p in zip(R + ["all stages"], P):
        t.title(r)
        for f in ("in@z.example", "stop@z.example", "not@z.example", "loop@z.example"):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); out = [ask(s, f"MAIL FROM:<{f}>")] + [ask(s, f"RCPT TO:<{u}@example.test>") for u in ("alice", "bob", "carol")]
            t.note(f"{f}: " + " | ".join(o.split(": ", 1)[-1] if o[0] != "2" else "ok" for o in out[1:])); ask(s, "QUIT"); s.close()
    t.log("reject|warning", drop=("localhost",))
