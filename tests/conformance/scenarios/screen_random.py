"""Random dialogues with postscreen's engine: commands right and wrong, in one packet and in several, with each deep test on."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *
from chance import Chance

POOL = ["EHLO c.example", "HELO c", "EHLO", "MAIL FROM:<a@z.example>", "MAIL FROM:<>", "MAIL FROM:a@z.example", "MAIL FROM:<b@z.example> SIZE=5 FOO=x", "MAIL FROM", "RCPT TO:<alice@example.test>", "RCPT TO:<u@far.example> NOTIFY=X", "RCPT TO:bob", "RCPT TO:<>", "RCPT", "DATA", "BDAT 4 LAST", "BDAT", "RSET", "NOOP", "NOOP x", "VRFY alice", "ETRN x", "AUTH PLAIN x", "STARTTLS", "XCLIENT NAME=x", "HELP", "FOO", "EXPN x", "", "a" * 300, "GET / HTTP/1.0", "Subject: x"]


def run(t):
    deep = {"postscreen_pipelining_enable": "yes", "postscreen_non_smtp_command_enable": "yes", "postscreen_bare_newline_enable": "yes", "postscreen_greet_wait": "1s", "postscreen_command_count_limit": "12"}
    P = screens(t, deep, dict(deep, postscreen_pipelining_action="ignore", postscreen_non_smtp_command_action="ignore", postscreen_bare_newline_action="ignore"), dict(deep, postscreen_helo_required="yes", postscreen_disable_vrfy_command="yes", postscreen_pipelining_action="drop", soft_bounce="yes")); t.start(); r = Chance(7); calls = []
    for i in range(30): calls.append((P[i % 3], A[i % 10] if i < 27 else A[0], call(t, P[i % 3], A[i % 10])))
    for i, (p, src, s) in enumerate(calls):
        t.title(f"{i} {p}"); t.note(greeting(s)); t.logs.clear()
        for _ in range(r.randint(2, 9)):
            c = r.choice(POOL); end = r.choice(["\r\n"] * 9 + ["\n"])
            got = ask(s, (c + end).encode()); t.note(f"{c[:40]!r}{end!r} -> {got.split(' / ')[-1]}")
            if "(closed)" in got: break
        s.close(); time.sleep(0.05)
    heard(t, drop=("CONNECT|PASS NEW|HANGUP|PREGREET",))
