"""content_filter and the FILTER action as FILTER_README sets them up: out to a filter, back in on another port; receive_override_options."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    f = Filter("127.0.0.1:10025", onward=10026)
    t.main(header_checks="regexp:/etc/postfix/checks", virtual_alias_maps="texthash:/etc/postfix/virtual", recipient_canonical_maps="texthash:/etc/postfix/canon", always_bcc="dave"); t.file("checks", "/^Subject: filter/ FILTER scan:[127.0.0.1]:10025\n/^Subject: warn/ WARN seen\n"); t.file("virtual", "list@example.test alice@example.test, bob@example.test\n"); t.file("canon", "old@example.test alice@example.test\n")
    t.master("scan unix - - n - 10 smtp\n  -o smtp_send_xforward_command=yes\n  -o disable_mime_output_conversion=yes\n  -o smtp_generic_maps=\n  -o smtp_connection_cache_on_demand=no\n"
             "127.0.0.1:10026 inet n - n - 10 smtpd\n  -o content_filter=\n  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters\n  -o smtpd_helo_restrictions=\n  -o smtpd_client_restrictions=\n  -o smtpd_sender_restrictions=\n  -o smtpd_relay_restrictions=\n  -o smtpd_recipient_restrictions=permit_mynetworks,reject\n  -o mynetworks=127.0.0.0/8\n  -o smtpd_authorized_xforward_hosts=127.0.0.0/8\n")
    P = ports(t, {"content_filter": "scan:127.0.0.1:10025", "receive_override_options": "no_address_mappings"}, {"content_filter": "scan:[127.0.0.1]:10025"}, {"receive_override_options": "no_address_mappings"}, {"receive_override_options": "no_header_body_checks"}, {"receive_override_options": "no_unknown_recipient_checks"}, {"receive_override_options": "no_milters no_address_mappings, no_header_body_checks"})
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", "198.51.100.7"); t.start()
    for p in P: t.note(f"{p}: " + mail(t, f"Subject: warn {p}\nX: \u00fc\n\nx\n", to=["list@example.test", "old@example.test"], port=p, args=" BODY=8BITMIME RET=HDRS ENVID=e1")); t.drain(); t.note(f"{p} nobody: " + mail(t, "Subject: n\n\n", to="nobody@example.test", port=p)); t.drain()
    t.note("FILTER: " + mail(t, "Subject: filter me\n\nx\n", to="bob@example.test"))
    t.drain(); f.note(t)
    for who in ("alice", "bob", "dave"): t.mail(who, headers=("received", "subject", "x-filtered"))
    t.log("relay=|client=|header|removed|warning")
