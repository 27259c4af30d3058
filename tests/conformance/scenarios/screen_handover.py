"""Clients that pass go on in the same connection: smtpd with settings of its own, its log, and what was said too early."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *
from doors import quietly


def run(t):
    t.dns("10.113.0.203.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", A[0])
    behind = "smtpd pass - - n - - smtpd\n  -o { smtpd_banner = $myhostname behind }\n  -o smtpd_recipient_restrictions=warn_if_reject,reject\n  -o syslog_name=postfix/behind\n  -o { receive_override_options = no_address_mappings }\n"
    P = screens(t, {"postscreen_access_list": "permit_mynetworks"}, {"postscreen_greet_action": "ignore"}, {"postscreen_greet_banner": "", "syslog_name": "postfix/screen"}, {"smtpd_service_name": "other"}, behind=behind)
    t.master("other pass - - n - - smtpd\n  -o { smtpd_banner = $myhostname other }\n"); t.main(smtpd_forbid_unauth_pipelining="no"); t.start()
    for name, port, src in (("tested", P[0], A[0]), ("mynetworks", P[0], ME), ("no test", P[2], A[0]), ("another service", P[3], A[0])):
        t.title(name); s = call(t, port, src); t.note(greeting(s))
        for c in ("EHLO client.example.org", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA"): r = ask(s, c)
        t.note(r); t.note(quietly(t, s, f"Subject: {name}\n\nx\n")[:14]); ask(s, "QUIT"); s.close()
    t.title("said too early"); s = call(t, P[1], A[1]); t.note(line(s)); s.s.sendall(b"EHLO early.example\r\n"); t.note(greeting(s)); t.note(greeting(s)); ask(s, "QUIT"); s.close()
    t.drain(); t.mail("alice", headers=("received", "subject")); heard(t, "smtpd: (connect|disconnect|improper|Q|NOQUEUE)", drop=("localhost",))
