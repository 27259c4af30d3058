"""smtpd_helo_required and HELO restrictions: syntax, FQDN, unknown names, access tables; with and without smtpd_delay_reject."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

NAMES = ["client.example.org", "unknown.example.org", "localhost", "a", "[192.0.2.7]", "[bogus]", "[IPv6:2001:db8::1]", "192.0.2.7", "x_y.example.org", "-x.example.org", "client.example.org.", "a..b", "b\u00fccher.example", "sub.bad.example", "bad.example"]


def run(t):
    t.dns("client.example.org", "A", "198.51.100.7")
    t.file("helo", "bad.example REJECT not you\n.bad.example REJECT nor below\nlocalhost 550 5.7.1 liar\n")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", parent_domain_matches_subdomains="")
    P = ports(t, {"smtpd_helo_restrictions": "reject_invalid_helo_hostname"}, {"smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname"}, {"smtpd_helo_restrictions": "check_helo_access texthash:/etc/postfix/helo, reject_unknown_helo_hostname"},
              {"smtpd_helo_required": "yes", "smtpd_delay_reject": "no", "smtpd_helo_restrictions": "reject_non_fqdn_helo_hostname"}); t.start()
    for p in P[:3]:
        t.title(f"port {p}")
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True)
        for n in NAMES: t.note(f"{n}: " + " | ".join((ask(s, f"EHLO {n}")[:30], ask(s, "MAIL FROM:<a@client.example.org>"), ask(s, "RCPT TO:<alice@example.test>"))))
        ask(s, "QUIT"); s.close()
    t.title("at once"); talk(t, "MAIL FROM:<a@b.example>", "EHLO a", "MAIL FROM:<a@b.example>", "EHLO client.example.org", "MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test>", port=P[3], helo=None)
    t.log("reject|warning|disconnect", drop=("localhost",))
