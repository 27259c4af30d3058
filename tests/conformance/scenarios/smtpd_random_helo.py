"""Random HELO names against every HELO restriction, with and without delay; the names that the log shows."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from chance import *

PARTS = ["a", "mail", "example", "test", "z", "-", "_", ".", ".", "..", "1", "192.0.2.1", "[192.0.2.1]", "[IPv6:2001:db8::1]", "[IPv6:x]", "[300.1.1.1]", "2001:db8::1", "foo.example.test", "localhost", "#9", "x" * 64, "(c)", "a@b", "'", "\\", ":", "sf.example", "nx.example"]


def run(t):
    t.dns("mail.z.example", "A", "203.0.113.3"); t.dns("sf.example", "A", "SERVFAIL"); t.dns("sf.example", "MX", "SERVFAIL"); t.dns("mx.example", "MX", "10 mail.z.example")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0"); word = "smtpd_helo_restrictions"; t.file("h", "mail HELO is short\nexample REJECT parent\nz.example 450 later\n[192.0.2.1] REJECT literal\nlocalhost REJECT us\n")
    P = ports(t, *[{word: w, "smtpd_delay_reject": d} for w in ("reject_invalid_helo_hostname", "reject_non_fqdn_helo_hostname", "reject_unknown_helo_hostname", "check_helo_access texthash:/etc/postfix/h", "check_helo_mx_access static:DUNNO, check_helo_ns_access static:DUNNO, check_helo_a_access static:REJECT") for d in ("yes", "no")]); t.start(); r = Chance(13)
    for i in range(80):
        name = "".join(r.choice(PARTS) for _ in range(r.randint(1, 4))) if i % 3 else r.choice(PARTS + ["mail.z.example", "mx.example", "mail"]); session(t, [f"{r.choice(['EHLO', 'HELO'])} {name}", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>"], port=P[i % len(P)], cut=3)
    t.log("smtpd: .*(reject|warning)", drop=("localhost",))
