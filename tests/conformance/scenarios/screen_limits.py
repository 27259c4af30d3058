"""Too many connections: of one client, of all of them; stress begins and ends."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, {"postscreen_client_connection_count_limit": "2"}, {"postscreen_pre_queue_limit": "10", "postscreen_greet_wait": "${stress?{2}:{4}}s", "postscreen_command_time_limit": "${stress?{1}:{300}}s"})
    t.start()
    t.title("three of one"); s = []
    for _ in range(3): s.append(call(t, P[0], A[0])); t.note(line(s[-1]))
    for one in s[:2]: t.note(greeting(one))
    for one in s: one.close()
    heard(t); t.title("a crowd"); s = []
    for i in range(11): s.append(call(t, P[1], A[i % 10])); t.note(line(s[-1]))
    start = time.time(); t.note(greeting(s[9])); t.note("in a hurry" if time.time() - start < 3 else "at leisure")
    for one in s: one.close()
    heard(t, drop=("CONNECT from", "HANGUP", "DISCONNECT", "PASS NEW"))
