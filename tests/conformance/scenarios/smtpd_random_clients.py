"""Random clients, by XCLIENT, against lists of networks and tables of every kind: who is one of ours, who is refused, and by which key."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from chance import *

ADDRESSES = ["203.0.113.9", "203.0.113.200", "203.0.112.1", "198.51.100.7", "127.0.0.1", "192.0.2.1", "10.0.0.1", "10.255.255.255", "255.255.255.255", "0.0.0.0", "IPV6:2001:db8::1", "IPV6:::1", "IPV6:::ffff:203.0.113.9", "[UNAVAILABLE]"]
NAMES = ["a.example", "host.a.example", "b.example", "A.EXAMPLE", "unknown", "[UNAVAILABLE]", "[TEMPUNAVAIL]", "x.y.z.a.example", "1.2.3.4", "localhost"]
CHECKS = ["check_client_access texthash:/etc/postfix/t", "check_client_access cidr:/etc/postfix/c", "check_client_access regexp:/etc/postfix/r", "check_reverse_client_hostname_access texthash:/etc/postfix/t", "permit_mynetworks, reject", "reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname", "check_client_a_access static:{REJECT has an address}", "check_client_mx_access static:REJECT, check_client_ns_access static:DUNNO"]


def run(t):
    t.dns("a.example", "A", "203.0.113.9"); t.dns("b.example", "MX", "10 a.example")
    t.file("t", "203.0.113 REJECT net\n203.0.113.200 OK\na.example REJECT parent\n.a.example REJECT dotted\nhost.a.example 450 host\nunknown 451 nameless\n10 REJECT ten\n2001:db8 REJECT six\nlocalhost OK\n"); t.file("c", "203.0.113.0/25 REJECT lower half\n!203.0.113.0/24 DUNNO\n0.0.0.0/0 450 rest\n"); t.file("r", "/^203\\.0\\.113\\./ REJECT address\n/a\\.example$/ REJECT name\n/^unknown$/ 451 unknown\n")
    t.main(smtpd_authorized_xclient_hosts="static:all", mynetworks="203.0.113.0/25, !203.0.113.9, 10.0.0.0/8, a.example", smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination", smtpd_client_connection_count_limit="0")
    P = ports(t, *[{"smtpd_client_restrictions": c} for c in CHECKS]); t.start(); r = Chance(21)
    for i in range(90):
        name, reverse = r.choice(NAMES), r.choice(NAMES); t.note(f"{i} {CHECKS[i % len(P)]}")
        session(t, ["EHLO c.example", f"XCLIENT ADDR={r.choice(ADDRESSES)} NAME={name}" + (f" REVERSE_NAME={reverse}" if r.maybe(.6) else ""), "EHLO d.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<u@far.example>"], port=P[i % len(P)], cut=3)
    without_numbers(t); t.log("smtpd: .*(reject|warning)", drop=("localhost",))
