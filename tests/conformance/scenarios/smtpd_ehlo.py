"""HELO and EHLO: replies, odd names, what is offered, what is withheld and how that is logged; banner."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_discard_ehlo_keyword_address_maps="texthash:/etc/postfix/discard")
    t.file("discard", "203.0.113.12 pipelining, vrfy\n")
    P = ports(t, {"smtpd_discard_ehlo_keywords": "chunking dsn"}, {"smtpd_discard_ehlo_keywords": "chunking, silent-discard"}, {"smtpd_discard_ehlo_keywords": "pipelining size vrfy etrn enhancedstatuscodes 8bitmime dsn smtputf8 chunking"},
              {"disable_vrfy_command": "yes", "message_size_limit": "0"}, {"smtpd_banner": "$myhostname ESMTP hello from $mydomain"}, {"myhostname": "other.example.test"}, {"smtputf8_enable": "no"}); t.start()
    talk(t, "HELO", "EHLO", "HELO client.example.org", "EHLO client.example.org", "EHLO [192.0.2.7]", "EHLO a b  c", "HELO <x>;(y)\\\"@z", "EHLO \u00fcber.example", "ehlo x", "HELO y", "NOOP", helo=None)
    for p in P:
        t.title(f"port {p}"); s = t.smtp(src=STRANGER, dst=ME, port=p); t.note(ask(s, "EHLO client.example.org")); t.note(ask(s, "HELO client.example.org")); s.cmd("QUIT"); s.close()
    t.title("by address"); talk(t, "EHLO x", src="203.0.113.12")
    t.log("discarding|warning|disconnect", drop=("localhost",))
