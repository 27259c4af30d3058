"""What a login does for mail: log lines, Received headers, policy attributes, sender addresses, and restrictions that look at it."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from auth import *
from doors import *


def run(t):
    a = Auth(); sasl(t, smtpd_sasl_authenticated_header="yes", local_header_rewrite_clients="permit_sasl_authenticated")
    t.file("owners", "joe@example.test joe, jane\nboss@example.test jane\n@team.example joe\nalias Joe\n")
    t.file("users", "joe REJECT no joes\njane OK\nfilter HOLD\n")
    t.main(smtpd_sender_login_maps="texthash:/etc/postfix/owners")
    words = ["reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch", "reject_unauthenticated_sender_login_mismatch", "reject_known_sender_login_mismatch", "check_sasl_access texthash:/etc/postfix/users", "warn_if_reject reject_sender_login_mismatch"]
    for n, w in enumerate(words):
        t.master(f"{2600 + n} inet n - n - - smtpd\n  -o {{ smtpd_recipient_restrictions = {w}, permit_sasl_authenticated, permit_auth_destination, reject }}")
    t.master("2620 inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=no\n  -o { smtpd_recipient_restrictions = reject_sender_login_mismatch, check_sasl_access texthash:/etc/postfix/users, permit_sasl_authenticated, permit_auth_destination, reject }")
    t.start()
    senders = ("joe@example.test", "boss@example.test", "x@team.example", "free@z.example", "alias@example.test", "")
    for n, w in enumerate(words):
        for user in (None, "joe", "jane"):
            t.title(f"{w}: {user}")
            s = t.smtp(src=STRANGER, dst=ME, port=2600 + n, quiet=True); ask(s, "EHLO c.example.org")
            if user: ask(s, "AUTH PLAIN " + plain(user))
            for sender in senders:
                ask(s, f"MAIL FROM:<{sender}>"); t.note(f"{sender}: " + ask(s, "RCPT TO:<alice@example.test>")); ask(s, "RSET")
            ask(s, "QUIT"); s.close()
    t.title("without SASL"); talk(t, "AUTH PLAIN " + plain("joe"), "MAIL FROM:<joe@example.test>", "RCPT TO:<alice@example.test>", port=2620)
    t.title("whole messages")
    for user, helo in (("joe", "EHLO c.example.org"), ("o(d)d\\(user", "EHLO c.example.org"), ("joe", "HELO c.example.org"), ("odd", "EHLO c")):
        talk(t, "AUTH PLAIN " + plain(user), "MAIL FROM:<me> AUTH=a+3Db@c.example", "RCPT TO:<alice@example.test>", "DATA", ("Subject: hi\nFrom: me\n\nx\n",), helo=helo, port=25)
    t.drain(); t.mail("alice", headers=("received", "from")); t.log("warning|client=|reject: .*not logged in", drop=("NOQUEUE: .*not owned", "NOQUEUE: permit:"))
