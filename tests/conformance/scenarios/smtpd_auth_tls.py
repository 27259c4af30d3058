"""submission and submissions as the stock master.cf has them: AUTH only when encrypted, other mechanisms there, what is forgotten at STARTTLS."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from auth import *
from doors import *
from secrets import certificate

MUA = {"smtpd_sasl_auth_enable": "yes", "local_header_rewrite_clients": "static:all", "smtpd_reject_unlisted_recipient": "no", "smtpd_client_restrictions": "", "smtpd_helo_restrictions": "", "smtpd_sender_restrictions": "",
       "smtpd_relay_restrictions": "", "smtpd_recipient_restrictions": "permit_sasl_authenticated,reject", "smtpd_data_restrictions": "", "smtpd_end_of_data_restrictions": ""}


def encrypt(s):
    c = ssl.create_default_context(); c.check_hostname = False; c.verify_mode = ssl.CERT_NONE
    s.s = c.wrap_socket(s.s); s.buf = b""


def run(t):
    a = Auth(); sasl(t, smtpd_sasl_auth_enable="no"); pem, key = certificate(t, "foo.example.test")
    t.main(smtpd_tls_cert_file=pem, smtpd_tls_key_file=key)
    P = ports(t, {**MUA, "syslog_name": "postfix/submission", "smtpd_tls_security_level": "encrypt", "smtpd_tls_auth_only": "yes"}, {**MUA, "syslog_name": "postfix/submissions", "smtpd_tls_wrappermode": "yes"},
              {"smtpd_sasl_auth_enable": "yes", "smtpd_tls_security_level": "may", "smtpd_sasl_security_options": "noplaintext, noanonymous", "smtpd_sasl_tls_security_options": "noanonymous", "smtpd_sasl_authenticated_header": "yes", "smtpd_recipient_restrictions": "permit_sasl_authenticated,reject"})
    t.start()
    for name, port in zip(("submission", "submissions", "both"), P):
        t.title(name); s = t.smtp(src=STRANGER, dst=ME, port=port, quiet=True, tls=name == "submissions")
        for c in ("EHLO c.example.org", "AUTH PLAIN " + plain("joe"), "AUTH CRAM-MD5", "MAIL FROM:<x@z.example>"): t.note(f"{c} -> " + ask(s, c))
        ask(s, "RSET")
        if name != "submissions":
            t.note(ask(s, "STARTTLS")); encrypt(s); t.note(ask(s, "AUTH PLAIN " + plain("joe"))); t.note(ask(s, "EHLO c.example.org"))
            t.note(ask(s, "AUTH PLAIN " + plain("bad"))); t.note(ask(s, "AUTH PLAIN " + plain("joe"))); t.note(ask(s, "STARTTLS"))
        for c in ("MAIL FROM:<me>", "RCPT TO:<alice>", "DATA"): t.note(f"{c} -> " + ask(s, c))
        quietly(t, s, f"Subject: {name}\nFrom: me\n\nx\n"); ask(s, "QUIT"); s.close()
    t.drain(); t.mail("alice", headers=("received", "subject", "from")); a.note(t); t.log("warning|client=|sasl")
