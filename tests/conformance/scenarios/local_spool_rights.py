"""The rights of the spool directory decide who creates a mailbox: world-writable, group-writable, root alone."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    names = {"world": "1777", "group": "2775", "alone": "755", "sticky": "3775"}
    t.sh("getent group mail || echo mail:x:8: >>/etc/group; " + " ".join(f"mkdir -p /srv/{n}; chgrp mail /srv/{n}; chmod {m} /srv/{n};" for n, m in names.items()), quiet=True)
    services(t, "local", {n: dict(mail_spool_directory=f"/srv/{n}") for n in names} | {"flockalone": dict(mail_spool_directory="/srv/alone", mailbox_delivery_lock="fcntl")})
    t.sh("touch /srv/alone/carol /srv/group/carol; chown bob /srv/alone/carol /srv/group/carol", quiet=True)
    t.start()
    for n in list(names) + ["flockalone"]: each(t, "x@client.example.org", *(f"{u}@{n}.v.test" for u in ("alice", "alice", "bob", "carol")))
    status(t); t.sh("grep -c '^From ' /srv/*/* | sort"); tree(t, "/srv")
