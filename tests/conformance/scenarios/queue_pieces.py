"""Few recipients in memory: messages of many recipients beside each other, REDIRECT, holds in the middle, what failed in an early piece, duplicate recipients."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    far = waiting.site(t, "far.example", "203.0.113.10", script={"RCPT r01@far.example": "550 5.1.1 no", "RCPT r09@far.example": "450 4.2.0 later"})
    t.main(qmgr_message_recipient_limit="3", qmgr_message_recipient_minimum="2", default_recipient_limit="3", default_extra_recipient_limit="1", default_recipient_refill_limit="2", default_recipient_refill_delay="1s", header_checks="regexp:/etc/postfix/head", local_recipient_maps="")
    t.file("head", "/^Subject: redirect/ REDIRECT carol@example.test\n/^Subject: hold/ HOLD\n"); t.start()
    many = [f"r{i:02}@far.example" for i in range(12)]
    for frm in ("alice", "bob", "dave"): t.send(f"{frm}@example.test", many)
    t.send("alice@example.test", many, body="Subject: redirect\n\nx\n"); t.send("", many, body="Subject: hold\n\nx\n"); t.send("alice@example.test", [m for m in many for _ in range(2)][:10], mail_args="")
    t.drain(); t.note(" ".join(sorted(l.split("<")[1].split("@")[0] for x in far.sessions for l in x if "RCPT" in l)))
    t.log("status=(?!sent)", "nrcpt", "carol"); t.showq(); far.sessions.clear(); far.script.clear()
    t.sh("postsuper -H ALL"); t.sh("postqueue -f"); t.drain(); t.note(" ".join(sorted(l.split("<")[1].split("@")[0] for x in far.sessions for l in x if "RCPT" in l))); t.showq()
