"""Milters with random answers at each event, and random default actions; two in a row."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *
from chance import *

C = ("c", b"")
ANSWERS = [[C], [C], [C], [C], [("a", b"")], [("d", b"")], [("r", b"")], [("t", b"")], [reply("554 5.7.7 no")], [reply("450 4.7.7 later")], [reply("421 4.7.7 go")], [reply("550 plain")], [("s", b"")], "close", [b"\0\0\0\1z"], [b"\0\0\0\0"], [reply("xyz")], [reply("250 fine")]]
END = [[C], [add("X-A", "1"), C], [insert(0, "X-B", "2"), C], [change(1, "Subject", "changed"), C], [change(1, "Subject", ""), C], [("+", z("<bob@example.test>")), C], [("-", z("<alice@example.test>")), C], [("b", b"new body\r\n"), C], [("q", z("held")), C], [("e", z("<other@z.example>")), C], [("2", z("<carol@example.test>", "NOTIFY=NEVER")), C], [("p", b""), C], [("d", b"")], [("r", b"")], [add("X-A", "1"), ("r", b"")], [("a", b"")], "close", [add("X A", "bad name"), C], [change(9, "Subject", "far"), C], [("+", z("")), C]]


def run(t):
    r = Chance(8); plans = [{}, {}]
    def pick(n, stage): return lambda: plans[n].get(stage, [C])
    for n in (0, 1): Milter(f"127.0.0.1:{4300 + n}", {s: pick(n, s) for s in ("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom", "unknown")})
    one = "smtpd_milters"; both = "inet:127.0.0.1:4300, inet:127.0.0.1:4301"
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", milter_default_action="tempfail", local_recipient_maps="", smtpd_client_connection_count_limit="0")
    P = ports(t, *[{one: both, "milter_default_action": a} for a in ("accept", "reject", "tempfail", "quarantine")]); t.start()
    for i in range(90):
        for n in (0, 1):
            plans[n].clear()
            for stage in r.sample(["connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body"], r.choice([0, 0, 1, 1, 2])): plans[n][stage] = r.choice(ANSWERS)
            plans[n]["eom"] = r.choice(END)
        t.note(f"{i} {plans}"); session(t, ["EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<dave@example.test>", "DATA", *(["MAIL FROM:<b@z.example>", "RCPT TO:<dave@example.test>", "DATA"] if r.maybe(.3) else [])], port=P[i % 4], content=(f"Subject: {i}\n\nbody {i}\n",))
    without_numbers(t); t.drain(30, leave=("deferred", "hold")); t.showq(); t.log("milter", drop=("localhost", "milter-reject: UNKNOWN", "smtpd: .*milter-hold"))
    for who in ("alice", "bob", "carol", "dave"): t.mail(who, headers=("subject", "x-a", "x-b", "return-path"))
