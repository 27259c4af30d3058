"""smtp_dns_reply_filter and smtpd_dns_reply_filter: records that are passed over, none left, actions nobody knows, a table that fails."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

FILTER = """/^bad\\.two\\.example\\. [0-9]+ IN A / IGNORE
/^one\\.example\\. [0-9]+ IN MX 10 a\\.one/ ignore with a reason
/ IN MX [0-9]+ all\\.example\\.$/ IGNORE
/^noaddr\\.example\\. [0-9]+ IN A/ IGNORE
/ IN MX [0-9]+ odd\\.example\\.$/ DROP it
"""


def run(t):
    onward.steady(t)
    t.file("f", FILTER)
    for d, mx in (("one.example", ("10 a.one.example", "20 b.example")), ("two.example", ("10 bad.two.example", "20 b.example")), ("all.example", ("10 all.example",)), ("odd.example", ("10 odd.example",)), ("mxnoaddr.example", ("10 noaddr.example",))): t.dns(d, "MX", *mx)
    for h in ("a.one.example", "bad.two.example", "all.example", "odd.example", "noaddr.example"): t.dns(h, "A", "203.0.113.11")
    t.dns("b.example", "A", "203.0.113.10"); b = t.sink("203.0.113.10", name="b.example"); t.sink("203.0.113.11", name="wrong.example")
    t.main(smtp_dns_reply_filter="regexp:/etc/postfix/f", smtpd_dns_reply_filter="regexp:/etc/postfix/f", inet_protocols="ipv4", transport_maps="inline:{failing.example=failing:}")
    t.master("failing unix - - n - - smtp -o smtp_dns_reply_filter=fail:x\n2001 inet n - n - - smtpd -o smtpd_sender_restrictions=reject_unknown_sender_domain\n2002 inet n - n - - smtpd -o smtpd_helo_restrictions=reject_unknown_helo_hostname\n2003 inet n - n - - smtpd -o smtpd_sender_restrictions=check_sender_mx_access,inline:{b.example=REJECT}")
    t.dns("failing.example", "A", "203.0.113.10")
    t.start()
    onward.each(t, "", [f"u@{d}.example" for d in ("one", "two", "all", "odd", "noaddr", "mxnoaddr", "failing")])
    t.log(r"postfix/smtp: "); b.note(messages=False); t.showq(); t.logs.clear()
    for port, froms in ((2001, ("a@one.example", "a@all.example", "a@noaddr.example", "a@odd.example")), (2003, ("a@one.example", "a@all.example"))):
        s = t.smtp(port=port)
        s.cmd("EHLO x.example")
        for f in froms: s.cmd(f"MAIL FROM:<{f}>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("RSET")
        s.cmd("QUIT"); s.close()
    for helo in ("b.example", "noaddr.example", "gone.example"):
        s = t.smtp(port=2002); s.cmd(f"EHLO {helo}"); s.cmd("MAIL FROM:<a@b.example>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("QUIT"); s.close()
    t.log(r"postfix/smtpd: (?!(dis)?connect)")
