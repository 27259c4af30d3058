"""The engine's patience: number, length and time of commands, and clients that go away."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, {"postscreen_pipelining_enable": "yes", "postscreen_greet_banner": "", "postscreen_command_count_limit": "3"}, {"postscreen_pipelining_enable": "yes", "postscreen_greet_banner": "", "postscreen_command_time_limit": "1s"}, {"postscreen_greet_wait": "2s"})
    t.start()
    talk(t, P[0], A[0], "NOOP", "NOOP", "RSET", "EHLO x", title="too many"); talk(t, P[0], A[0], "NOOP", "NOOP", "RSET", "QUIT", title="QUIT is free"); heard(t)
    for n in (2000, 2046, 2047, 5000): talk(t, P[0], A[1], b"NOOP " + b"x" * (n - 5) + b"\r\n", title=f"{n} bytes")
    heard(t, drop=("CONNECT from",))
    t.title("too slow"); s = call(t, P[1], A[2]); t.note(greeting(s)); t.note(ask(s, "EHLO x")); s.s.sendall(b"NO"); time.sleep(0.6); s.s.sendall(b"OP"); t.note(line(s)); t.note(line(s)); s.close(); heard(t)
    t.title("hang up"); s = call(t, P[1], A[3]); greeting(s); ask(s, "EHLO x"); s.close(); time.sleep(0.2)
    s = call(t, P[2], A[4]); line(s); s.close(); s = call(t, P[1], A[5]); s.close(); heard(t)
