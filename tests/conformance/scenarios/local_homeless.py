"""Users without what users have: no shell, no home, a home that is a file, that is of another user, or cannot be entered; no password entry, an entry by number, system accounts, root."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import agents

import os


def run(t):
    agents.plain(t); t.main(local_recipient_maps="", home_mailbox="mail", default_privs="dave")
    with open("/etc/passwd", "a") as p:
        p.write("noshell:x:2101:100::/home/noshell:\nnologin:x:2102:100::/home/nologin:/usr/sbin/nologin\nnohome:x:2103:100::/home/nohome:/bin/sh\nempty:x:2104:100:::/bin/sh\nfilehome:x:2105:100::/home/filehome:/bin/sh\nforeign:x:2106:100::/home/alice:/bin/sh\nclosed:x:2107:100::/root/closed:/bin/sh\nlinkhome:x:2108:100::/home/linkhome:/bin/sh\nUpper:x:2109:100::/home/Upper:/bin/sh\nzero:x:0:0::/home/zero:/bin/sh\n")
    for n in ("noshell", "nologin", "Upper", "zero"): os.mkdir(f"/home/{n}"); os.chown(f"/home/{n}", {"noshell": 2101, "nologin": 2102, "Upper": 2109, "zero": 0}[n], 100)
    pathlib.Path("/home/filehome").write_text("x"); os.makedirs("/root/closed", mode=0o700, exist_ok=True); os.symlink("/home/bob", "/home/linkhome"); os.chmod("/root", 0o700)
    agents.services(t, "local", {"box": {}, "cmd": {"mailbox_command": "id -un >>/tmp/who"}, "spool": {"home_mailbox": ""}, "need": {"require_home_directory": "yes"}})
    t.file("aliases", "daemonpipe \"|id -un >>/tmp/who\"\ndaemonfile /tmp/daemonfile\n"); pathlib.Path("/tmp/who").touch(); os.chmod("/tmp/who", 0o666); t.start()
    users = ("noshell", "nologin", "nohome", "empty", "filehome", "foreign", "closed", "linkhome", "upper", "zero", "root", "nosuchuser", "daemon")
    agents.each(t, "", *(f"{u}@{s}.v.test" for s in ("box", "cmd", "spool", "need") for u in users)); agents.each(t, "", "daemonpipe", "daemonfile")
    t.note(" ".join(sorted(pathlib.Path("/tmp/who").read_text().split()))); agents.status(t); t.showq()
    for p in ("/home/noshell", "/home/nologin", "/home/nohome", "/home/Upper", "/home/zero", "/home/bob", "/tmp/daemonfile", "/mail"): agents.tree(t, p)
