"""virtual(8) with several recipients in one request, and without table entries for some of them; duplicates, soft_bounce, foreign owners."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import agents


def run(t):
    agents.plain(t); box = {"virtual_mailbox_base": "/var/vmail", "virtual_mailbox_maps": "texthash:/etc/postfix/boxes", "virtual_uid_maps": "static:972", "virtual_gid_maps": "static:972"}
    agents.services(t, "virtual", {"many": box, "soft": {**box, "soft_bounce": "yes"}, "owner": {**box, "strict_mailbox_ownership": "no"}})
    t.main(many_destination_recipient_limit="20", soft_destination_recipient_limit="20"); t.file("boxes", "".join(f"{u}@{d}.v.test {d}{u}{s}\n" for d in ("many", "soft", "owner") for u, s in (("a", ""), ("b", "/"), ("c", "sub/dir/"))) + "@many.v.test manyall/\n"); t.start()
    t.send("s@example.org", ["a@many.v.test", "b@many.v.test", "c@many.v.test", "x@many.v.test", "A@many.v.test"]); t.send("s@example.org", ["a@soft.v.test", "ghost@soft.v.test", "b@soft.v.test"]);
    pathlib.Path("/var/vmail/ownera").touch(); __import__("os").chown("/var/vmail/ownera", 2001, 972); __import__("os").chmod("/var/vmail/ownera", 0o660); t.send("", ["a@owner.v.test"]); t.drain()
    agents.status(t); agents.tree(t, "/var/vmail"); t.showq()
