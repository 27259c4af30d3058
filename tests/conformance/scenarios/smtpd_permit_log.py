"""smtpd_log_access_permit_actions: which words that permit are logged, with and without text, in each stage; static:all; and OK with a text."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.file("acc", "ok@z.example OK\noktext@z.example OK because\nperm@z.example permit\nnum@z.example 7\nmy@z.example permit_mynetworks\nwarn@z.example WARN\ncls@z.example class\n")
    values = ["", "permit", "permit_mynetworks, permit_auth_destination", "check_sender_access", "static:all", "permit_sasl_authenticated, permit_inet_interfaces, class", "OK", "warn_if_reject, check_client_access, permit_dnswl_client"]
    t.main(smtpd_restriction_classes="class", **{"class": "permit"}, smtpd_hard_error_limit="100")
    P = ports(t, *[{"smtpd_log_access_permit_actions": v, "smtpd_client_restrictions": "check_client_access static:OK", "smtpd_helo_restrictions": "permit", "smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/acc, class", "smtpd_recipient_restrictions": "permit_inet_interfaces, permit_auth_destination, reject", "smtpd_data_restrictions": "permit_mynetworks, permit", "smtpd_etrn_restrictions": "permit_mynetworks, permit"} for v in values]); t.start()
    for v, p in zip(values, P):
        t.title(v or "(none)"); t.logs.clear()
        for f in ("ok", "oktext", "perm", "num", "my", "warn", "cls", "free"):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); [ask(s, c) for c in ("EHLO c.example", "ETRN example.test", f"MAIL FROM:<{f}@z.example>", "RCPT TO:<alice@example.test>", "DATA")]; quietly(t, s, "Subject: x\n\n"); ask(s, "QUIT"); s.close()
        time.sleep(0.2); rows = [__import__("re").sub(r"\bQ\d+", "Q", t.norm(l)) for l in t.logs if "permit:" in l or "warning" in l and "smtpd" in l]; t.note("\n".join(rows) or "nothing")
