"""Syntax of MAIL and RCPT: brackets, quotes, routes, comments, empty and broken addresses; strict_rfc821_envelopes."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

SENDERS = ["MAIL FROM:<a@b.example>", "MAIL FROM: <a@b.example>", "mail from:a@b.example", "MAIL FROM:", "MAIL FROM", "MAIL", "MAIL TO:<a@b.example>", "MAIL FROM:<>", "MAIL FROM:< >",
           "MAIL FROM:<a@b.example", "MAIL FROM:a@b.example>", "MAIL FROM:<\"a b\"@c.example>", "MAIL FROM:<a b@c.example>", "MAIL FROM:<a@b.example> <c@d.example>", "MAIL FROM:<@x.example,@y.example:a@b.example>",
           "MAIL FROM:<a@b.example> junk", "MAIL FROM:<a(c)@b.example>", "MAIL FROM:Fred <a@b.example>", "MAIL FROM:<Fred <a@b.example>>", "MAIL FROM:<<a@b.example>>", "MAIL FROM:<a>", "MAIL FROM:<a@>", "MAIL FROM:<@b.example>",
           "MAIL FROM:<a@b@c.example>", "MAIL FROM:<a@[192.0.2.9]>", "MAIL FROM:<a@[IPv6:2001:db8::1]>", "MAIL FROM:<a@[bogus]>", "MAIL FROM:<a@b..example>", "MAIL FROM:<a@b.example.>", "MAIL FROM:<a@.example>", "MAIL FROM:<a@-x.example>",
           "MAIL FROM:<\"a\\\"b\"@c.example>", "MAIL FROM:<\"unclosed@c.example>", "MAIL FROM:<a@b.example>,<c@d.example>", "MAIL FROM:<a@b.example,c@d.example>", "MAIL FROM:<a;b@c.example>", "MAIL FROM:<x:a@b.example>"]


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    strict, = ports(t, {"strict_rfc821_envelopes": "yes"}); t.start()
    t.title("senders"); talk(t, *SENDERS, after="RSET")
    t.title("strict"); talk(t, *SENDERS, after="RSET", port=strict)
    recipients = [c.replace("MAIL FROM", "RCPT TO").replace("mail from", "rcpt to").replace("MAIL TO", "RCPT FROM").replace("MAIL", "RCPT").replace("b.example", "example.test") for c in SENDERS]
    t.title("recipients"); talk(t, "MAIL FROM:<>", *recipients)
    t.title("strict recipients"); talk(t, "MAIL FROM:<>", *recipients, port=strict)
    t.log("warning: Illegal|disconnect", drop=("localhost",))
