"""smtp_destination_recipient_limit and too many recipients at the other end: 452 and 552 after some, several transactions, a server that takes one at a time; LMTP the same."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); many = [f"r{i}" for i in range(7)]
    reply = {"r3": "452 4.5.3 too many", "r4": "452 4.5.3 too many", "r5": "552 5.5.3 too many", "r6": "450 4.2.1 later"}
    table = {"all": {}, "some": {}, "limit": {}, "one": {}, "none": {}}
    script = lambda n: {f"RCPT {u}@{n}.example": r for u, r in reply.items()} if n == "some" else ({"RCPT": "452 4.5.3 too many"} if n == "none" else {})
    servers = onward.ways(t, {n: ({}, {"script": script(n)}) for n in table}); t.main(limit_destination_recipient_limit="3", one_destination_recipient_limit="1", default_destination_concurrency_limit="1", limit_destination_concurrency_limit="1", one_destination_concurrency_limit="1", initial_destination_concurrency="1"); t.start()
    for n in table: t.send("s@example.test", [f"{u}@{n}.example" for u in many])
    t.drain(); servers["one"].sessions.sort(key=str); onward.said(t, servers); t.log("status="); t.showq()
