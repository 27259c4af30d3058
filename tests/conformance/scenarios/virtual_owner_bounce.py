"""Virtual aliases and notices: whom the sender hears about when one of several expansions fails, original recipients, catch-alls, an alias to an error transport, loops to oneself."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting
from agents import heads


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT bad": "550 5.1.1 no such user"})
    t.file("virtual", "team@v.example bob@example.test, bad@far.example, ghost@example.test\nself@v.example self@v.example, bob@example.test\nloop1@v.example loop2@v.example\nloop2@v.example loop1@v.example\n@all.example bob@example.test\nerr@v.example x@err.example\n@w.example @far.example\nbob@example.test bob@example.test, carol@example.test\n")
    t.main(virtual_alias_domains="v.example all.example w.example", virtual_alias_maps="texthash:/etc/postfix/virtual", transport_maps="inline:{ {err.example=error:5.1.6 has moved} }", local_recipient_maps="", smtpd_recipient_restrictions="permit_mynetworks, reject")
    t.start()
    for to in ("team@v.example", "self@v.example", "loop1@v.example", "any.one@all.example", "err@v.example", "bad@w.example", "nobody@v.example", "bob@example.test"):
        t.title(to); t.send("alice@example.test", to); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True); t.log("status=", "cleanup.*warning"); t.logs.clear()
    for who in ("bob", "carol"): heads(t, who, headers=("x-original-to", "delivered-to",))
