"""pipe(8): users and groups that are not there, root, the mail owner, a directory that is not there or closed, attributes in wrong forms, chroot; and what other recipients get."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import agents


def run(t):
    agents.plain(t); t.main(local_recipient_maps="", transport_maps="texthash:/etc/postfix/tr")
    lines = {"nouser": "user=nosuch", "root": "user=root", "owner": "user=postfix", "nogroup": "user=alice:nosuch", "group": "user=alice:daemon", "dir": "user=alice directory=/nowhere", "closed": "user=alice directory=/root", "number": "user=2001", "none": "flags=R", "noargv": "user=alice", "flags": "flags=RZ user=alice", "size": "user=alice size=x", "twice": "user=alice user=bob", "nul": "user=alice null_sender=", "nul2": "user=alice null_sender=nobody@x", "long": "user=alice eol=\\r\\n", "chroot": "user=alice chroot=/tmp", "delim": "flags=q user=alice"}
    t.file("tr", "".join(f"{n}.example {n}:next\n" for n in lines))
    agents.script(t, "/usr/local/bin/show", 'cat >/dev/null; echo "$(id -un):$(id -gn) $(pwd) $*"; exit 0')
    for n, l in lines.items(): t.master(f"{n} unix - n n - - pipe\n  {l}" + ("" if n == "noargv" else " argv=/usr/local/bin/show [${sender}] ${recipient} ${nexthop}"))
    t.start()
    for n in lines: t.send("", [f"u@{n}.example"])
    t.drain(timeout=4); t.log("status=", "fatal:", drop=("unknown mail transport error",))
