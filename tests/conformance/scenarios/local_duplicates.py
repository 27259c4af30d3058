"""The same address twice: in the envelope, in aliases, through extensions and case, on lists that meet again; duplicate_filter_limit, enable_original_recipient."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.file("aliases", "a1 alice, alice, Alice, \"alice\"@example.test, alice@foo.example.test\na2 a1, alice, alice+x, alice+y\nl1 l2, l3\nl2 bob, u@far.example\nl3 bob, U@far.example, u@FAR.example\ncmds \"|cat >>/tmp/c\", \"|cat >>/tmp/c\", /tmp/f, /tmp/f\n")
    t.file("virtual", "v1@v.example bob@example.test, bob@example.test, v2@v.example\nv2@v.example bob@example.test, alice@example.test\n")
    t.dns("far.example", "MX", "10 mail.far.example"); t.dns("mail.far.example", "A", "203.0.113.10"); far = t.sink("203.0.113.10", name="mail.far.example")
    t.main(recipient_delimiter="+", virtual_alias_domains="v.example", virtual_alias_maps="texthash:/etc/postfix/virtual")
    t.start()
    def go(title, *to):
        t.title(title); t.send("x@client.example.org", list(to)); t.drain(); status(t, "nrcpt=", drop=(r"to=<x@",)); t.logs.clear(); heads(t, "alice", "bob"); t.sh("rm -f /var/mail/*; wc -l /tmp/c /tmp/f 2>/dev/null; rm -f /tmp/c /tmp/f", quiet=False)
        for x in far.sessions: t.note("far: " + "; ".join(l.split(":", 1)[1].strip() for l in x if "RCPT" in l))
        far.sessions.clear()
    go("in the envelope", "alice@example.test", "alice@example.test", "ALICE@example.test", "alice@foo.example.test", "u@far.example", "u@far.example", "U@far.example")
    for a in ("a1", "a2", "l1", "cmds"): go(a, f"{a}@example.test")
    go("two that meet", "a1@example.test", "l1@example.test", "bob@example.test")
    go("virtual", "v1@v.example", "v2@v.example", "bob@example.test")
    t.main(duplicate_filter_limit="0", enable_original_recipient="no"); t.reload()
    go("no original recipient", "v1@v.example", "bob@example.test"); go("no limit", "a2@example.test")
    t.main(duplicate_filter_limit="1"); t.reload(); go("one remembered", "a2@example.test")
