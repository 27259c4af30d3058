"""virtual(8): files and maildirs by table, user and group IDs, extensions, catch-all, case, unknown addresses, headers."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.main(recipient_delimiter="+")
    t.file("boxes", "a@std.v.test std/a\nb@std.v.test std/b/\nB2@std.v.test std/b2/\n@std.v.test std/rest/\na@md.v.test md/deep/er/a/\nodd@std.v.test std/../std/odd\nx+y@std.v.test std/xy/\nloc std/loc/\n")
    t.file("uids", "b@std.v.test 2001\n@std.v.test 972\n@md.v.test 972\n")
    c = dict(virtual_mailbox_base="/var/vmail", virtual_mailbox_maps="texthash:/etc/postfix/boxes", virtual_uid_maps="texthash:/etc/postfix/uids", virtual_gid_maps="static:972")
    services(t, "virtual", {"std": c, "md": dict(c, virtual_mailbox_lock="fcntl")})
    t.sh("mkdir -m 1777 /var/vmail/std", quiet=True); t.start()
    each(t, "x@client.example.org", *(f"{u}@std.v.test" for u in ("a", "b", "B+ext", "b2", "whoever", "odd", "x+y", "x+z")), "a@md.v.test", "no@md.v.test", body="Subject: to {a}\n\nFrom here\n\nlast")
    each(t, "x@client.example.org", "A@std.v.test", body="Subject: to {a}\n\nFrom here\n\nlast")
    t.send("", ["a@std.v.test", "b@std.v.test", "c@std.v.test"]); t.drain()
    status(t, drop=(r"to=<x@",)); cat(t, "/var/vmail/std/a"); tree(t, "/var/vmail")
