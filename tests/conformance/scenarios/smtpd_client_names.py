"""What DNS says of a client's address and what the checks make of it: no name, a name that leads elsewhere, servers that do not answer, odd names, no lookup at all."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


WORDS = ["reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname", "check_client_access texthash:/etc/postfix/c", "check_reverse_client_hostname_access texthash:/etc/postfix/c", "permit_mynetworks, reject"]


def run(t):
    def ptr(n, *names): t.dns(f"{n}.113.0.203.in-addr.arpa", "PTR", *names)
    ptr(10, "good.example"); t.dns("good.example", "A", "203.0.113.10"); ptr(11, "elsewhere.example"); t.dns("elsewhere.example", "A", "192.0.2.99"); ptr(12, "lost.example"); t.dns("12.113.0.203.in-addr.arpa", "PTR", "lost.example"); ptr(13, "SERVFAIL"); ptr(14, "sf.example"); t.dns("sf.example", "A", "SERVFAIL")
    ptr(15, "bad_name.example"); t.dns("bad_name.example", "A", "203.0.113.15"); ptr(16, "203.0.113.16"); ptr(17, "first.example", "second.example"); t.dns("first.example", "A", "192.0.2.98"); t.dns("second.example", "A", "203.0.113.17"); ptr(18, "sub.parent.example"); t.dns("sub.parent.example", "A", "203.0.113.18", "203.0.113.19")
    t.file("c", "good.example REJECT good\nelsewhere.example REJECT elsewhere\nparent.example REJECT parent\n.parent.example REJECT dot parent\nunknown REJECT unknown\n203.0.113.15 REJECT by address\nlost.example 450 lost\nbad_name.example REJECT bad name\n")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", mynetworks="203.0.113.18, .good.example, good.example")
    P = ports(t, *[{"smtpd_client_restrictions": w} for w in WORDS], {"smtpd_peername_lookup": "no", "smtpd_client_restrictions": ", ".join(WORDS[:4])}, {"unknown_client_reject_code": "554", "smtpd_client_restrictions": "reject_unknown_client_hostname"}, {"parent_domain_matches_subdomains": "", "smtpd_client_restrictions": "check_client_access texthash:/etc/postfix/c"}); t.start()
    for i in range(10, 20):
        t.title(f"203.0.113.{i}")
        for w, p in zip(WORDS + ["no lookup", "554", "no subdomains"], P):
            s = t.smtp(src=f"203.0.113.{i}", dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); ask(s, "MAIL FROM:<a@z.example>"); r = ask(s, "RCPT TO:<alice@example.test>")
            if r[0] != "2": t.note(f"{w}: {r}")
            ask(s, "QUIT"); s.close()
    t.log("smtpd: connect|warning", drop=("localhost",))
