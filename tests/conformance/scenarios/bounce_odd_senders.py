"""Where notices go: senders that are aliases, lists, in other forms, with extensions, with source routes, unknown domains, mailer-daemon, our own double-bounce, addresses that are rewritten."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting
from agents import heads


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10")
    t.file("aliases", "al bob\nmailer-daemon carol\npostmaster carol\n")
    t.main(local_recipient_maps="", bounce_queue_lifetime="0", notify_classes="2bounce", recipient_delimiter="+", canonical_maps="inline:{old@example.test=bob@example.test}", masquerade_domains="example.test", append_dot_mydomain="yes", remote_header_rewrite_domain="", local_header_rewrite_clients="static:all")
    t.start()
    for s in ("al@example.test", "bob+ext@example.test", "BOB@EXAMPLE.test", "old@example.test", "bob@host.example.test", "bob", "bob@localhost", "@far.example:bob@example.test", "bob%example.test@example.test", '"b o b"@example.test', "MAILER-DAEMON", "double-bounce", "u@far.example", "u@nowhere.example", "nobody-here@example.test"):
        t.title(s); t.send(s, "ghost@example.test"); t.drain()
        for who in ("bob", "carol"): heads(t, who, headers=("to", "subject", "x-original-to", "delivered-to",)); t.sh(f"rm -f /var/mail/{who}", quiet=True)
        t.log("status=", "notification"); t.logs.clear()
