"""Clients that speak before their turn: what each action does to them, with and without a teaser."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *

DIALOGUE = ("MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>")


def run(t):
    P = screens(t, *[{"postscreen_greet_action": a} for a in ("ignore", "enforce", "drop", "continue")], {"postscreen_greet_banner": "wait a moment", "postscreen_greet_action": "enforce"}, {"postscreen_greet_banner": "", "postscreen_greet_action": "drop"})
    t.main(smtpd_forbid_unauth_pipelining="no"); t.start()
    for p, name in zip(P, ("ignore", "enforce", "drop", "continue", "own teaser", "no teaser")):
        t.title(name); s = call(t, p, A[0])
        if name != "no teaser": t.note(line(s))
        s.s.sendall(b"EHLO spam.example\r\n")
        for _ in range(2 if name in ("ignore", "continue") else 1): t.note(greeting(s))
        if name not in ("drop", "no teaser"):
            for c in DIALOGUE: t.note(f"{c} -> " + ask(s, c))
            ask(s, "QUIT")
        s.close(); heard(t, drop=("DISCONNECT",))
    t.title("bytes that are no text"); s = call(t, P[2], A[1]); line(s); s.s.sendall(b"\x16\x03\x01\xff" + b"z" * 200); t.note(line(s)); s.close(); heard(t)
    t.title("failures are not remembered, passes are"); talk(t, P[1], A[2]); talk(t, P[1], A[2]); heard(t)
