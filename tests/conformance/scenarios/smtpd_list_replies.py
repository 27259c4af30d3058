"""default_rbl_reply and rbl_reply_maps: every $name, conditions, smtpd_expansion_filter and what it does to odd names; long texts; soft_bounce; reject_tempfail beside them."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.dns("7.100.51.198.list.example", "A", "127.0.0.4"); t.dns("7.100.51.198.list.example", "TXT", '"why not; see http://x/?a=b&c=<d> (e) `f` $g {h}"'); t.dns("z.example.names.example", "A", "127.0.0.2"); t.dns("z.example", "A", "203.0.113.3"); t.dns("7.100.51.198.long.example", "A", "127.0.0.2"); t.dns("7.100.51.198.long.example", "TXT", '"' + "t" * 150 + '"')
    allv = "$rbl_code;$rbl_class;$rbl_what;$rbl_domain;$rbl_txt;$rbl_reason;$client;$client_name;$client_address;$helo_name;$sender;$sender_name;$sender_domain;$recipient;$recipient_name;$recipient_domain;$reverse_client_name"
    t.main(smtpd_hard_error_limit="1000", maps_rbl_reject_code="554")
    sets = [{"smtpd_recipient_restrictions": "reject_rbl_client list.example"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "default_rbl_reply": allv}, {"smtpd_recipient_restrictions": "reject_rhsbl_sender names.example", "default_rbl_reply": allv}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "default_rbl_reply": "$rbl_code ${rbl_reason?because $rbl_reason}${rbl_txt:no text} ${recipient_domain}"},
            {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "smtpd_expansion_filter": "abcdefghijklmnopqrstuvwxyz.", "default_rbl_reply": "$rbl_code 4.7.9 $rbl_reason $helo_name $sender"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "default_rbl_reply": "no code at all"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "default_rbl_reply": "250 2.0.0 fine"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "default_rbl_reply": "450 5.7.1 mixed"},
            {"smtpd_recipient_restrictions": "reject_rbl_client long.example"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "soft_bounce": "yes"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "rbl_reply_maps": "inline:{{list.example=$rbl_code 5.7.0 $nosuch name}}"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "rbl_reply_maps": "inline:{{list.example=$rbl_code 5.7.0 ${rbl_reason}}}"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "maps_rbl_reject_code": "450"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example", "default_rbl_reply": "421 4.7.0 go away"}, {"smtpd_recipient_restrictions": "warn_if_reject reject_rbl_client list.example, reject_rbl_client list.example=127.0.0.[2..5], permit"}, {"smtpd_recipient_restrictions": "reject_rbl_client list.example=127.0.0.9"}]
    P = ports(t, *sets); t.start()
    for kw, p in zip(sets, P):
        t.title(str({k: v[:80] for k, v in kw.items()}))
        for helo, frm, to in (("c.example", "a@z.example", "alice@example.test"), ("[1.2.3.4]", "\"a b$c\"@z.example", "alice@example.test"), ("h<>;`x", "ü@z.example" if 0 else "", "bob@example.test")):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, f"EHLO {helo}"); ask(s, f"MAIL FROM:<{frm}>"); t.note("  " + ask(s, f"RCPT TO:<{to}>")); ask(s, "QUIT"); s.close()
    t.log("warning|reject", drop=("localhost",))
