"""Aliases that go wrong: loops, self reference, restricted commands and files, bad addresses, empty values, lists that cannot be read."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.main(alias_maps="texthash:/etc/postfix/aliases", local_recipient_maps="")
    t.file("aliases", """loop1 loop2
loop2 loop1
self self, alice
cmd-in-list :include:/etc/postfix/commands
file-in-list :include:/etc/postfix/files
empty-value ,
tilde ~/file
tilde-user ~bob/file
relative :include:commands
absent :include:/etc/postfix/absent
writable :include:/etc/postfix/writable
folder :include:/etc/postfix
nested :include:/etc/postfix/nested
mixed nobody-here, alice, bad..@, "a b", |"exit 3", /no/such/folder/file
upper ALICE, Alice@Example.Test, alice
postmaster-like owner-nothing
spaces alice bob   carol
semi team: alice, bob;, carol
null ""
angle Carol <carol@example.test>
executable /etc/postfix/program
directory /etc/postfix/
""")
    t.file("commands", '"|cat >/dev/null"\n'); t.file("files", "/tmp/some-file\n"); t.file("writable", "alice\n", mode=0o666)
    t.file("nested", "alice\n:include:/etc/postfix/nested2\n"); t.file("nested2", "bob\n:include:/etc/postfix/nested\n"); t.file("program", "", mode=0o755)
    t.start()
    each(t, "x@client.example.org", "loop1", "self", "cmd-in-list", "file-in-list", "empty-value", "tilde", "tilde-user", "relative", "absent", "writable", "folder", "nested", "mixed", "upper", "postmaster-like", "spaces", "semi", "null", "angle", "executable", "directory")
    status(t, drop=(r"postfix/bounce", r"to=<x@client")); t.showq()
    for u in ("alice", "bob", "carol"): t.mail(u, headers=("x-original-to", "subject"))
