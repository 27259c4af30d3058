"""smtpd_reject_footer, its maps, smtpd_reject_filter_maps: what they add and change, and to which replies."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    P = ports(t, {"smtpd_reject_footer": "\\c. For help, call $server_name"}, {"smtpd_reject_footer": "For help, give $client_address and $recipient\\nor say $sender_domain"}, {"smtpd_reject_footer_maps": "pcre:{{/relay/ ask for relaying}}", "smtpd_reject_footer": "\\c!"}); t.start()
    for p in P:
        t.title(f"port {p}"); talk(t, "FOO", "MAIL FROM:<a@b.example>", "RCPT TO:<x@elsewhere.example>", "RCPT TO:<no@example.test>", "RCPT TO:<alice@example.test>", "DATA", (".\n",), port=p)
    t.log("reject|reply filter|disconnect", drop=("localhost",))
