"""postscreen_allowlist_interfaces: passes are earned at some addresses only."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, {"postscreen_allowlist_interfaces": "!192.0.2.1 static:all"}, {"postscreen_allowlist_interfaces": "192.0.2.0/24", "postscreen_greet_banner": ""}, {"postscreen_allowlist_interfaces": "127.0.0.9", "postscreen_pipelining_enable": "yes", "postscreen_greet_banner": ""})
    t.start()
    dialogue = ("EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>")
    talk(t, P[0], A[0], *dialogue, title="not here"); heard(t)
    talk(t, P[0], "127.0.0.2", "NOOP", dst="127.0.0.1", title="but here"); talk(t, P[0], "127.0.0.2", "NOOP", dst="127.0.0.1", title="known"); heard(t)
    t.title("known elsewhere"); talk(t, P[0], "127.0.0.2", *dialogue); heard(t)
    talk(t, P[1], A[0], "NOOP", title="no tests at all"); talk(t, P[2], A[0], *dialogue, title="never"); heard(t)
