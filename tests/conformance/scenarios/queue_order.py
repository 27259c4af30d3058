"""Recipients of one message in the order in which they are delivered, split by the recipient limit of a transport."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    far = waiting.site(t, "far.example", "203.0.113.10"); near = waiting.site(t, "near.example", "203.0.113.11")
    t.main(smtp_destination_recipient_limit="3", smtp_destination_concurrency_limit="1", initial_destination_concurrency="1")
    t.start()
    t.send("alice@example.test", ["z@far.example", "B@near.example", "m@far.example", "a@near.example", "c@far.example", "A@far.example", "b@far.example"]); t.drain()
    for s in (far, near): t.note(s.name + ": " + "; ".join(" ".join(l.split(":", 1)[1].strip() for l in x if "RCPT" in l) for x in s.sessions))
    t.log("status=", "nrcpt")
