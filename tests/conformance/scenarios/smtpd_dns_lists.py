"""reject_rbl_client, permit_dnswl_client and the lists of names, with address patterns, reply maps, errors and every subject."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

IP = "7.100.51.198"


def run(t):
    t.dns(f"{IP}.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", STRANGER)
    t.dns(f"{IP}.bl.example", "A", "127.0.0.2"); t.dns(f"{IP}.bl.example", "TXT", '"listed, see http://bl.example/?q=1"', '"twice"')
    t.dns(f"{IP}.many.example", "A", "127.0.0.10", "127.0.3.7"); t.dns(f"{IP}.broken.example", "A", "SERVFAIL"); t.dns("nothing.bl.example", "A", "127.0.0.2")
    t.dns("client.example.org.rhs.example", "A", "127.0.0.4"); t.dns("mail.client.example.rhs.example", "A", "127.0.0.5"); t.dns("z.example.rhs.example", "A", "127.0.0.6"); t.dns("example.test.rhs.example", "A", "127.0.0.7")
    t.file("replies", "bl.example $rbl_code 5.7.77 $rbl_class [$rbl_what] by $rbl_domain${rbl_reason?: $rbl_reason}; $client $helo_name $sender $recipient_name\nmany.example=127.0.0.10 421 4.7.0 go away\nmany.example 450 4.7.1 plain\nbad.example nonsense\n")
    t.main(smtpd_relay_restrictions="reject_unauth_destination")
    lists = ["reject_rbl_client bl.example", "reject_rbl_client many.example=127.0.0.10", "reject_rbl_client many.example=127.0.[0..2].[2;9..10]", "reject_rbl_client many.example=127.0.0.9", "reject_rbl_client broken.example", "reject_rbl_client absent.example", "reject_rbl bl.example",
             "reject_rhsbl_client rhs.example", "reject_rhsbl_reverse_client rhs.example", "reject_rhsbl_helo rhs.example", "reject_rhsbl_sender rhs.example", "reject_rhsbl_sender rhs.example=127.0.0.[1..5]", "reject_rhsbl_recipient rhs.example",
             "permit_dnswl_client bl.example, reject", "permit_dnswl_client broken.example, reject", "permit_dnswl_client absent.example, reject", "permit_rhswl_client rhs.example, reject", "permit_rhswl_client rhs.example=127.0.0.9, reject", "warn_if_reject reject_rbl_client bl.example", "reject_rbl_client"]
    P = ports(t, *[{"smtpd_recipient_restrictions": l} for l in lists], {"smtpd_recipient_restrictions": "reject_rbl_client bl.example", "rbl_reply_maps": "texthash:/etc/postfix/replies"},
              {"smtpd_recipient_restrictions": "reject_rbl_client many.example=127.0.0.10", "rbl_reply_maps": "texthash:/etc/postfix/replies"}, {"smtpd_recipient_restrictions": "reject_rbl_client many.example=127.0.3.7", "rbl_reply_maps": "texthash:/etc/postfix/replies", "maps_rbl_reject_code": "451"},
              {"smtpd_recipient_restrictions": "reject_rbl_client bl.example", "default_rbl_reply": "$rbl_code no, $rbl_txt"}, {"smtpd_recipient_restrictions": "reject_rbl_client bl.example", "default_rbl_reply": "what"},
              {"smtpd_client_restrictions": "reject_rbl_client bl.example", "smtpd_delay_reject": "no"}, {"smtpd_client_restrictions": "permit_dnswl_client bl.example, reject", "smtpd_delay_reject": "no"})
    names = lists + ["reply map", "reply map with pattern", "reply map without pattern", "default reply", "bad default reply", "at connect", "permit at connect"]
    t.start()
    for name, port in zip(names, P):
        t.title(name)
        talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<x@elsewhere.example>", port=port)
    t.title("who is in no list"); talk(t, "MAIL FROM:<>", "RCPT TO:<alice@example.test>", port=P[10]); talk(t, "MAIL FROM:<a@[1.2.3.4]>", "RCPT TO:<alice@example.test>", port=P[10]); talk(t, "MAIL FROM:<a@1.2.3>", "RCPT TO:<alice@example.test>", port=P[10])
    talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", helo="EHLO [198.51.100.7]", port=P[9]); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", port=P[0], src=ME)
    t.log("reject|warning|permit:")
