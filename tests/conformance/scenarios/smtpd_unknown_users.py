"""Recipients and senders that no table lists: local, virtual alias, virtual mailbox and relay domains; soft_bounce; codes; the switches."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

TO = ["alice@example.test", "alice+x@example.test", "no@example.test", "postmaster@example.test", "mailer-daemon@example.test", "double-bounce@example.test", "joe@va.example", "no@va.example", "joe@vm.example", "no@vm.example", "joe@rel.example", "no@rel.example", "canon@elsewhere.example", "no@[192.0.2.1]", "Alice@EXAMPLE.TEST", "NO@va.example",
      "moved@example.test", "dead@dead.example", "later@later.example"]


def run(t):
    t.file("va", "joe@va.example alice\n"); t.file("vm", "joe@vm.example joe/\n"); t.file("rel", "joe@rel.example x\n"); t.file("canon", "canon@elsewhere.example alice@example.test\n"); t.file("reloc", "moved@example.test new@example.org\n")
    t.file("tr", "dead.example error:5.2.1 closed for good\nlater.example retry:4.2.1 not today\n")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", virtual_alias_domains="va.example", virtual_alias_maps="texthash:/etc/postfix/va", virtual_mailbox_domains="vm.example", virtual_mailbox_maps="texthash:/etc/postfix/vm", relay_domains="rel.example, dead.example, later.example",
           relay_recipient_maps="texthash:/etc/postfix/rel", canonical_maps="texthash:/etc/postfix/canon", recipient_delimiter="+", relocated_maps="texthash:/etc/postfix/reloc", transport_maps="texthash:/etc/postfix/tr")
    P = ports(t, {"soft_bounce": "yes"}, {"show_user_unknown_table_name": "no", "unknown_local_recipient_reject_code": "450"}, {"smtpd_reject_unlisted_recipient": "no"}, {"smtpd_reject_unlisted_sender": "yes"}, {"local_recipient_maps": "", "virtual_mailbox_maps": "", "relay_recipient_maps": ""}, {"receive_override_options": "no_unknown_recipient_checks"}); t.start()
    talk(t, "MAIL FROM:<a@b.example>", *[f"RCPT TO:<{a}>" for a in TO])
    for p in P[:3] + P[4:]: t.title(f"port {p}"); talk(t, "MAIL FROM:<a@b.example>", *[f"RCPT TO:<{a}>" for a in TO], port=p)
    t.title("senders"); talk(t, *[c for a in TO for c in (f"MAIL FROM:<{a}>", "RCPT TO:<alice@example.test>", "RSET")], port=P[3])
    t.title("soft_bounce"); talk(t, "FOO", "RCPT TO:<x>", "MAIL FROM:<a b>", "BDAT x", port=P[0])
    t.log("reject|mapping|warning", drop=("localhost",))
