"""Lines that end in LF alone: what each action does; a client that fails one test takes them all."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, *[{"postscreen_bare_newline_enable": "yes", "postscreen_bare_newline_action": a, "postscreen_greet_banner": ""} for a in ("ignore", "enforce", "drop")], {"postscreen_access_list": "static:reject", "postscreen_denylist_action": "enforce", "postscreen_greet_banner": "", "postscreen_pipelining_action": "ignore", "postscreen_bare_newline_action": "enforce"})
    t.start()
    for p, name in zip(P, ("ignore", "enforce", "drop")):
        t.title(name); s = call(t, p, A[0]); t.note(greeting(s)); t.note(ask(s, b"EHLO c.example\n")); t.note(ask(s, b"NOOP\n"))
        for c in ("MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>"): t.note(f"{c} -> " + ask(s, c))
        ask(s, "QUIT"); s.close(); heard(t)
    talk(t, P[1], A[1], "EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", b"NOOP\n", "VRFY x", title="passed, and failed after all"); talk(t, P[1], A[1], "EHLO c.example"); heard(t)
    t.title("all tests"); s = call(t, P[3], A[2]); t.note(greeting(s)); t.note(ask(s, b"NOOP\r\nNOOP\r\n", 2))
    for c in (b"NOOP\n", "MAIL FROM:<>", "RCPT TO:<alice@example.test>", "GET /"): t.note(f"{c} -> " + ask(s, c))
    s.close(); heard(t)
