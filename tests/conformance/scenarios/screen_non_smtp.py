"""Commands of other protocols, headers and bytes that are no text: what each action does."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, *[{"postscreen_non_smtp_command_enable": "yes", "postscreen_non_smtp_command_action": a, "postscreen_greet_banner": ""} for a in ("ignore", "enforce", "drop")], {"postscreen_non_smtp_command_enable": "yes", "postscreen_greet_banner": "", "postscreen_forbidden_commands": "HELLO, fred"}, {"postscreen_greet_banner": "", "postscreen_bare_newline_enable": "yes"})
    t.start()
    for p, name in zip(P, ("ignore", "enforce", "drop")):
        talk(t, p, A[0], "EHLO c.example", "GET / HTTP/1.0", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "Subject: x", title=name); heard(t)
    for c in ("POST /x", "connect 1.2.3.4", "From:x", "X-Y: a b", b"\xff\xfe x\r\n", "AUTH x", "helloo", ":"): talk(t, P[2], A[1], c, title=repr(c))
    heard(t, drop=("CONNECT from", "DISCONNECT"))
    for c in ("HELLO you", "GET /", "fred"): talk(t, P[3], A[1], c, title=c)
    heard(t, drop=("CONNECT from", "DISCONNECT"))
    talk(t, P[4], A[1], "GET / HTTP/1.0", title="the test is off"); heard(t)
