"""What EHLO offers to whom: smtpd_discard_ehlo_keywords and its maps by address and net, silent-discard, words that are none; disable_vrfy_command; commands that are withheld all the same used."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.file("d", "198.51.100.7 silent-discard, pipelining, etrn\n203.0.113 dsn, chunking\n203.0.113.12 nonsense, 8bitmime\n203.0.113.13 smtputf8, size, starttls\n203.0.113.14 vrfy, enhancedstatuscodes\n203.0.113.15 silent-discard\n")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_authorized_xforward_hosts="static:all", smtpd_authorized_xclient_hosts="203.0.113.16", smtpd_authorized_verp_clients="203.0.113.17")
    maps, both, novrfy, cidr = ports(t, {"smtpd_discard_ehlo_keyword_address_maps": "texthash:/etc/postfix/d"}, {"smtpd_discard_ehlo_keyword_address_maps": "texthash:/etc/postfix/d", "smtpd_discard_ehlo_keywords": "etrn, xforward"}, {"disable_vrfy_command": "yes", "smtpd_discard_ehlo_keywords": "silent-discard, chunking"}, {"smtpd_discard_ehlo_keyword_address_maps": "cidr:{{203.0.113.0/28 size} {0.0.0.0/0 dsn, etrn}}"}); t.start()
    for p in (maps, both, novrfy, cidr):
        for src in (STRANGER, *[f"203.0.113.{i}" for i in range(11, 18)]):
            if p != maps and src not in (STRANGER, "203.0.113.12", "203.0.113.15"): continue
            t.title(f"{src} on {p}"); s = t.smtp(src=src, dst=ME, port=p, quiet=True); t.note(ask(s, "EHLO c.example").split(" / ", 1)[-1]); out = []
            for c in ("VRFY alice", "ETRN example.test", "MAIL FROM:<a@z.example> RET=HDRS", "MAIL FROM:<a@z.example> SIZE=5", "RSET", "MAIL FROM:<a@z.example> BODY=8BITMIME", "RSET", "MAIL FROM:<a@z.example> XVERP", "RSET", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test> NOTIFY=NEVER", "RCPT TO:<alice@example.test>", "BDAT 4 LAST\r\nab\r\n"): out.append(ask(s, c.encode() if "BDAT" in c else c).split(" queued")[0])
            t.note(" | ".join(out)); ask(s, "QUIT"); s.close()
    t.log("warning|discarding EHLO keywords: (?!.*UTF8)", drop=("localhost",))
