"""Access tables: keys of clients, senders and recipients, parents, extensions, the null sender; actions and codes; lists in tables."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

SENDERS = ["ok@x.example", "reject@x.example", "defer@x.example", "r550@x.example", "r451@x.example", "dsn@x.example", "dip@x.example", "dir@x.example", "dunno@x.example", "number@x.example", "warn@x.example", "info@x.example", "u+ext@x.example", "v+ext@x.example", "who@sub.dom.example",
           "who@dom.example", "who@pdot.example", "who@sub.pdot.example", "anybody@y.example", "local@z.example", "", "list@x.example", "class@x.example", "bogus@x.example", "table@x.example", "empty@x.example", "UPPER@X.EXAMPLE", "badcode@x.example"]


def run(t):
    t.file("s", "ok@x.example OK\nreject@x.example REJECT\ndefer@x.example DEFER come later\nr550@x.example 550 no\nr451@x.example 451 4.2.1 wait\ndsn@x.example REJECT 5.1.1 as a recipient\ndip@x.example DEFER_IF_PERMIT maybe\ndir@x.example DEFER_IF_REJECT maybe\n"
                "dunno@x.example DUNNO\nnumber@x.example 12345\nwarn@x.example WARN look\ninfo@x.example INFO look\nu+ext@x.example REJECT with extension\nv@x.example REJECT without\ndom.example REJECT domain\n.pdot.example REJECT below\nlocal@ REJECT local part\n<> REJECT null\n"
                "list@x.example permit_mynetworks, reject\nclass@x.example strict\nbogus@x.example no_such_thing\ntable@x.example check_sender_access hash:/x\nempty@x.example reject_unauth_destination\nupper@x.example REJECT lower\nbadcode@x.example 600 x\n")
    t.file("c", "198.51.100.7 REJECT that one\n203.0.113 REJECT that net\n203.0 DUNNO\nunknown REJECT no name\n")
    t.file("r", "bob@example.test REJECT\nalice DUNNO\nexample.test OK\n")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", recipient_delimiter="+", smtpd_restriction_classes="strict", strict="reject_unauth_destination, reject")
    P = ports(t, {"smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/s"}, {"smtpd_client_restrictions": "check_client_access texthash:/etc/postfix/c"}, {"smtpd_recipient_restrictions": "texthash:/etc/postfix/r, reject"},
              {"smtpd_data_restrictions": "texthash:/etc/postfix/r"}, {"smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/none"}, {"parent_domain_matches_subdomains": "smtpd_access_maps", "smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/s"}); t.start()
    for p in (P[0], P[5]):
        t.title(f"senders, port {p}")
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO client.example.org")
        for f in SENDERS: t.note(f"<{f}>: " + " | ".join((ask(s, f"MAIL FROM:<{f}>"), ask(s, "RCPT TO:<alice@example.test>"), ask(s, "RCPT TO:<x@elsewhere.example>")))); ask(s, "RSET")
        ask(s, "QUIT"); s.close()
    t.title("clients")
    for src in (STRANGER, "203.0.113.11", "127.0.0.1"): talk(t, "MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test>", src=src, dst="127.0.0.1" if src[:3] == "127" else ME, port=P[1])
    t.title("recipients"); talk(t, "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.test>", "RCPT TO:<alice@example.test>", "RCPT TO:<carol+x@example.test>", "RCPT TO:<x@elsewhere.example>", port=P[2])
    for p in P[3:5]: t.title(f"misconfigured, port {p}"); talk(t, "MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test>", "DATA", port=p)
    t.log("reject|warn|info:|mapping|warning", drop=("overriding", "localhost"))
