"""Unauthorized pipelining: what each action does, and what is no offence."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, *[{"postscreen_pipelining_enable": "yes", "postscreen_pipelining_action": a, "postscreen_greet_banner": ""} for a in ("ignore", "enforce", "drop")])
    t.start()
    for p, name in zip(P, ("ignore", "enforce", "drop")):
        t.title(name); s = call(t, p, A[0]); t.note(greeting(s)); t.note(ask(s, "EHLO c.example"))
        t.note(ask(s, b"MAIL FROM:<a@z.example>\r\nRCPT TO:<alice@example.test>\r\nNOOP\r\n", 3)); t.note(ask(s, "RCPT TO:<bob@example.test>")); ask(s, "QUIT"); s.close(); heard(t)
    talk(t, P[1], A[1], "EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", title="one at a time"); talk(t, P[1], A[1], "NOOP", title="again"); heard(t)
    t.title("content behind BDAT"); s = call(t, P[1], A[2]); greeting(s); ask(s, "EHLO c.example"); ask(s, "MAIL FROM:<>"); t.note(ask(s, b"BDAT 5 LAST\r\nhello")); s.close()
    t.title("an unknown command"); s = call(t, P[1], A[3]); greeting(s); t.note(ask(s, b"w\x01hat ever\r\nNOOP\r\n", 2)); ask(s, "QUIT"); s.close(); heard(t)
