"""More recipients than qmgr takes at a time: all are tried, in groups, in order; failures of some in the middle; the rest after a flush."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting
from agents import heads


def run(t):
    waiting.calm(t)
    far = waiting.site(t, "far.example", "203.0.113.10", script={"RCPT r07": "550 5.1.1 no", "RCPT r13": "450 4.2.0 later"}); near = waiting.site(t, "near.example", "203.0.113.11")
    t.main(qmgr_message_recipient_limit="10", qmgr_message_recipient_minimum="5", default_recipient_limit="10", default_extra_recipient_limit="5", smtp_destination_recipient_limit="4", smtp_destination_concurrency_limit="1", initial_destination_concurrency="1", local_recipient_maps="")
    t.start()
    t.send("alice@example.test", [f"r{i:02}@far.example" for i in range(30)] + [f"n{i:02}@near.example" for i in range(6)] + ["bob@example.test", "ghost@example.test"]); t.drain()
    for s in (far, near): t.note(s.name + ": " + " ".join(sorted(l.split("<")[1].split(">")[0] for x in s.sessions for l in x if "RCPT" in l))); s.sessions.clear()
    t.log("status=", "nrcpt", "removed", "notification"); t.showq(); heads(t, "alice", headers=("subject",)); heads(t, "bob", headers=("delivered-to",))
    t.title("flush"); far.script.clear(); t.logs.clear(); t.sh("postqueue -f"); t.drain(); t.log("status=", "nrcpt", "removed"); t.showq()
