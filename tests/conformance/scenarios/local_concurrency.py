"""local_destination_recipient_limit other than one, and local_destination_concurrency_limit: several recipients in one request, Delivered-To and duplicates among them."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import agents


def run(t):
    agents.plain(t); t.main(local_destination_recipient_limit="10", local_destination_concurrency_limit="1", recipient_delimiter="+")
    t.file("aliases", "team alice, bob, carol\nboth team, alice\nloop loop\nowner-team dave\n"); t.start()
    t.send("s@example.org", ["alice@example.test", "bob@example.test", "Alice@localhost", "alice+x@example.test", "team@example.test", "both@example.test", "loop@example.test", "ghost@example.test"]); t.drain()
    agents.status(t, "nrcpt"); agents.heads(t, "alice", "bob", "carol", "dave"); t.showq()
