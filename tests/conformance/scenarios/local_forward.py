"""Forward files: lists, own name, commands, files at home, comments, long lines; files that are not obeyed: world-writable, symbolic link, another owner, folder, FIFO, empty."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    for n in range(12): t.sh(f"mkdir -p /home/u{n}; useradd -u {3000 + n} -g users -d /home/u{n} u{n} 2>/dev/null || echo u{n}:x:{3000 + n}:100::/home/u{n}:/bin/sh >>/etc/passwd; chown {3000 + n}:100 /home/u{n}", quiet=True)
    t.main(local_recipient_maps="")
    home(t, "u0", ".forward", '# a comment\n\\u0, alice\n"|cat >~/none; exec cat >>/home/u0/taken"\n~/file, /home/u0/md/\n')
    home(t, "u1", ".forward", "u1, bob@example.test,\n  carol (me)\n"); home(t, "u2", ".forward", "alice\n", mode=0o666)
    home(t, "u3", ".forward", "alice\n", owner="bob"); home(t, "u4", "list", "alice\n"); t.sh("ln -s list /home/u4/.forward; mkdir /home/u5/.forward; mkfifo /home/u6/.forward", quiet=True)
    home(t, "u7", ".forward", ""); home(t, "u8", ".forward", "# only a comment\n"); home(t, "u9", ".forward", ":include:/home/u9/list\n"); home(t, "u9", "list", "bob\ncarol\n")
    home(t, "u10", ".forward", "u11\n"); home(t, "u11", ".forward", "u10\n"); home(t, "u3", "x", "")
    t.sh("rm -rf /home/dave; ln -s /nowhere /home/dave", quiet=True)
    t.start(); each(t, "x@client.example.org", *(f"u{n}" for n in range(12)), "dave")
    status(t); t.showq()
    for u in ("alice", "bob", "carol", "dave", "u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7", "u8", "u9", "u10", "u11"): t.mail(u, headers=("x-original-to", "delivered-to"))
    cat(t, "/home/u0/taken"); cat(t, "/home/u0/file"); tree(t, "/home/u0")
