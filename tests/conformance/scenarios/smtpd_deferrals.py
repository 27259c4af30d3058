"""defer_if_permit and defer_if_reject from tables and DNS across the lists of all stages: which one decides, and with which text."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    t.file("s", "dip@z.example DEFER_IF_PERMIT sender says maybe\ndir@z.example DEFER_IF_REJECT sender says wait\nboth@z.example both\nok@z.example OK\n"); t.file("r", "alice@example.test OK\nbob@example.test REJECT not bob\ncarol@example.test DEFER_IF_PERMIT recipient says maybe\ndave@example.test DEFER_IF_REJECT recipient says wait\n")
    t.main(smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination", smtpd_restriction_classes="both", both="check_sender_access static:{DEFER_IF_PERMIT first}, check_sender_access static:{DEFER_IF_REJECT second}, check_sender_access static:{DEFER_IF_PERMIT third}")
    S, R = "check_sender_access texthash:/etc/postfix/s", "check_recipient_access texthash:/etc/postfix/r"
    sets = [{"smtpd_recipient_restrictions": f"{S}, {R}"}, {"smtpd_client_restrictions": S, "smtpd_recipient_restrictions": R}, {"smtpd_helo_restrictions": S, "smtpd_recipient_restrictions": f"{R}, reject"}, {"smtpd_sender_restrictions": S, "smtpd_recipient_restrictions": R}, {"smtpd_sender_restrictions": S, "smtpd_delay_reject": "no", "smtpd_recipient_restrictions": R},
            {"smtpd_relay_restrictions": S, "smtpd_recipient_restrictions": f"{R}, reject_unauth_destination"}, {"smtpd_relay_restrictions": f"{S}, reject_unauth_destination", "smtpd_recipient_restrictions": R, "smtpd_relay_before_recipient_restrictions": "no"}, {"smtpd_data_restrictions": f"{S}, {R}"}, {"smtpd_end_of_data_restrictions": f"{S}, reject"}, {"smtpd_recipient_restrictions": f"{S}, permit_auth_destination, reject"}]
    P = ports(t, *sets); t.start()
    for kw, p in zip(sets, P):
        t.title(", ".join(f"{k} = {v}" for k, v in kw.items()).replace("texthash:/etc/postfix/", ""))
        for f in ("ok", "dip", "dir", "both"):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); out = [ask(s, f"MAIL FROM:<{f}@z.example>")]
            out += [ask(s, f"RCPT TO:<{u}>") for u in ("alice@example.test", "bob@example.test", "carol@example.test", "dave@example.test", "x@far.example")]
            if "data" in str(kw):
                out.append(ask(s, "DATA"))
                if out[-1][:3] == "354": out[-1] = quietly(t, s, "Subject: x\n\n").split(" queued")[0]
            t.note(f"{f}: " + " | ".join(o if o[0] != "2" else "ok" for o in out)); ask(s, "QUIT"); s.close()
    t.log("reject", drop=("localhost",))
