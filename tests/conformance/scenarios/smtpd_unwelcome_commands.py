"""smtpd_forbidden_commands and smtpd_noop_commands as lists and tables, smtpd_command_filter, and error limits with stress."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_error_sleep_time="0"); t.file("f", "/^(TUNE)$/ yes\n"); t.file("filter", "/^(HEL) (.*)/ HELO $2\n/^MAIL FROM:<(.*)@old.example>(.*)$/ MAIL FROM:<$1@new.example>$2\n/^RCPT TO: *([^<> ]+)$/ RCPT TO:<$1>\n/^QUOTA/ NOOP\n/^(EHLO) +evil/ QUIT\n/^(AUTH).*/ NOOP $0\n/^LONG/ " + "NOOP " + "x" * 100 + "\n/^DROP/ \n")
    P = ports(t, {"smtpd_forbidden_commands": "CONNECT, GET, TURN, regexp:{{/^TUNE$$/ x}}"}, {"smtpd_forbidden_commands": "regexp:{{/^[^A-Z]/ bad} {/^NOOP$$/ bad}}"}, {"smtpd_forbidden_commands": "", "smtpd_noop_commands": "FOO, GET"}, {"smtpd_command_filter": "regexp:/etc/postfix/filter"}, {"smtpd_command_filter": "fail:x"},
              {"stress": "yes", "smtpd_hard_error_limit": "${stress?{1}:{20}}", "smtpd_junk_command_limit": "${stress?{1}:{100}}"}, {"smtpd_hard_error_limit": "3", "smtpd_soft_error_limit": "2"}, {"smtpd_junk_command_limit": "2", "smtpd_hard_error_limit": "2"}); t.start()
    for c in ("GET / HTTP/1.0", "get x", "TURN", "TUNE", "POST x", "CONNECT a", " GET x", "USER x", "123"): t.title(f"forbidden {c}"); talk(t, c, "NOOP", port=P[0])
    for c in ("noop", "NOOP", "x", "\x05y", "quit"): t.title(f"by table {c!r}"); talk(t, c, port=P[1])
    t.title("none forbidden"); talk(t, "GET /", "POST /", "FOO a", "foo b", "BAR", port=P[2])
    t.title("filtered"); talk(t, "MAIL FROM:<a@old.example> SIZE=3", "RCPT TO: alice@example.test", "RCPT TO:bob@example.test", "QUOTA", "AUTH PLAIN x", "LONG", "DROP", "NOOP", "VRFY alice", helo="HEL c.example", port=P[3]); talk(t, "EHLO evil.example", helo=None, port=P[3]); talk(t, "NOOP", port=P[4])
    t.title("stress"); talk(t, "NOOP", "NOOP", "FOO", "NOOP", port=P[5])
    t.title("three errors"); talk(t, "FOO", "MAIL x", "MAIL FROM:<a@z.example>", "RCPT TO:<no@example.test>", "NOOP", port=P[6]); t.title("junk"); talk(t, "NOOP", "RSET", "VRFY alice", "ETRN example.test", "NOOP", "NOOP", port=P[7])
    t.log("warning|improper|disconnect|replacing", drop=("localhost", "noop=3"))
