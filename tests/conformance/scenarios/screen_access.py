"""postscreen_access_list: words, tables and their results, wrong ones, and what denylisted clients get."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    t.file("access", "203.0.113.10 permit\n203.0.113.11/32 reject\n203.0.113.12 dunno\n203.0.113.13 permit_mynetworks, reject\n203.0.113.14 perhaps\n203.0.113.15 dunno, reject\n203.0.113.16 cidr:/x permit\n")
    table = "cidr:/etc/postfix/access"
    P = screens(t, *[{"postscreen_access_list": f"permit_mynetworks, {table}", "postscreen_denylist_action": a} for a in ("ignore", "enforce", "drop")],
                {"postscreen_access_list": f"{table}, REJECT", "postscreen_denylist_action": "drop"}, {"postscreen_access_list": "what, permit"}, {"postscreen_access_list": "cidr:/etc/postfix/absent, permit"}, {"postscreen_access_list": "dunno, permit", "postscreen_greet_banner": ""})
    t.start()
    for p, name in zip(P[:3], ("ignore", "enforce", "drop")):
        talk(t, p, A[1], "EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "VRFY alice", title=f"denied, {name}")
        talk(t, p, ME, title="mynetworks"); heard(t)
    for i in (0, 2, 3, 4, 5, 6, 7): talk(t, P[3], A[i], title=f"table, {A[i]}")
    heard(t)
    talk(t, P[4], A[0], title="no word"); talk(t, P[6], A[0], title="dunno"); heard(t, "warning: .*access_list")
