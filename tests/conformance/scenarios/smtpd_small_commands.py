"""RSET NOOP VRFY ETRN QUIT AUTH STARTTLS XCLIENT XFORWARD: arguments, order, replies; unknown and forbidden commands."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", relay_domains="relay.example")
    novrfy, noop, flt = ports(t, {"disable_vrfy_command": "yes"}, {"smtpd_noop_commands": "FOO, bar"}, {"smtpd_command_filter": "pcre:{{/^(FROM|HELLO)\\s+(.*)/ NOOP $2}}"}); t.start()
    talk(t, "NOOP", "NOOP with words", "RSET", "RSET now", "QUIT now")
    t.title("VRFY"); talk(t, "VRFY", "VRFY alice", "VRFY <alice@example.test>", "VRFY nobody-here", "VRFY a b", "VRFY alice SMTPUTF8", "VRFY SMTPUTF8", "VRFY x@elsewhere.example", "VRFY <>", "VRFY \"a b\"@example.test", "VRFY postmaster")
    talk(t, "VRFY alice", port=novrfy)
    t.title("ETRN"); talk(t, "ETRN", "ETRN a b", "ETRN relay.example", "ETRN @relay.example", "ETRN #relay.example", "ETRN elsewhere.example", "ETRN bad_%name", "ETRN [192.0.2.9]", "ETRN [x]", "MAIL FROM:<>", "ETRN relay.example")
    t.title("not offered"); talk(t, "AUTH", "AUTH PLAIN AGEAYg==", "STARTTLS", "STARTTLS now", "XCLIENT", "XCLIENT NAME=x", "XFORWARD NAME=x", "EXPN list", "SEND FROM:<a@b>", "TURN", "VERB")
    t.title("unknown"); talk(t, "FOO", "foo bar", "\"", port=noop)
    t.title("filtered"); talk(t, "HELLO world", "FROM x y", "NOOP", port=flt)
    for c in ("GET / HTTP/1.0", "POST / HTTP/1.0", "CONNECT a:25 HTTP/1.0", "Subject: hello", "From: x", "\x01\x02binary", "123 456"):
        t.title(f"forbidden {c!r}"); talk(t, c)
    t.log("warning|reject|replacing|disconnect", drop=("localhost",))
