"""Restrictions that are misspelt or lack an argument, in lists, classes and tables: what they do at run time."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.file("table", "a@x.example reject_nonsense\nb@x.example check_sender_access texthash:/etc/postfix/table\nc@x.example inner\nd@x.example  permit_mynetworks, reject_unauth_destination\ne@x.example warn_if_reject reject_non_fqdn_sender, DUNNO\nf@x.example sleep 1\ng@x.example outer\nh@x.example reject_rbl_client\ni@x.example \"quoted\"\n")
    t.main(smtpd_restriction_classes="inner, outer", inner="check_recipient_access texthash:/etc/postfix/none, reject", outer="check_sender_access texthash:/etc/postfix/table", smtpd_relay_restrictions="reject_unauth_destination")
    words = ["permit_mynetwork", "warn_if_reject nonsense", "check_sender_access", "check_sender_access nonsense", "check_sender_access texthash:/etc/postfix/absent", "check_policy_service", "sleep", "sleep x", "sleep 0, reject", "reject_rbl_client", "texthash:/etc/postfix/table",
             "check_ccert_access texthash:/etc/postfix/table, reject", "permit, reject", "reject, permit", "defer, permit", "warn_if_reject", "warn_if_reject reject, reject_non_fqdn_sender", "reject_unauth_destination reject_unauth_destination", "PERMIT_MYNETWORKS, Reject"]
    P = ports(t, *[{"smtpd_recipient_restrictions": w} for w in words], {"smtpd_data_restrictions": "texthash:/etc/postfix/table"}, {"smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/table"}); t.start()
    for w, port in zip(words, P): t.title(w); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", port=port)
    t.title("a table without a word at DATA"); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA", port=P[-2])
    for c in "abcdefghi": t.title(f"table {c}"); talk(t, f"MAIL FROM:<{c}@x.example>", "RCPT TO:<alice@example.test>", port=P[-1])
    t.log("reject|warning")
