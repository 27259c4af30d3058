"""What a command's end means to pipe(8): exit codes, status codes in its output, signals, output of a success, time limit, programs that cannot be run, soft_bounce."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    script(t, "/usr/local/bin/end", 'cat >/dev/null; case $1 in x*) exit ${1#x};; said) echo "some words"; echo more >&2; exit 69;; dsn4) echo "4.2.2 mailbox is full"; exit 1;; dsn5) echo "5.7.9 go away"; exit 75;; fine) echo "  done, id=17	"; echo;; long) head -c 300 /dev/zero | tr "\\0" y;; term) kill -TERM $$;; hang) sleep 60;; esac')
    script(t, "/usr/local/bin/not-exec", "exit 0", mode=0o644)
    names = [f"x{n}" for n in (0, 1, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 99, 127)] + ["said", "dsn4", "dsn5", "fine", "long", "term"]
    for n in names: t.master(f"{n} unix - n n - - pipe\n  user=vmail argv=/usr/local/bin/end {n}")
    t.master("hang unix - n n - - pipe\n  user=vmail argv=/usr/local/bin/end hang"); t.master("soft unix - n n - - pipe\n  -o soft_bounce=yes user=vmail argv=/usr/local/bin/end x67"); t.master("absent unix - n n - - pipe\n  user=vmail argv=/no/such/program"); t.master("notexec unix - n n - - pipe\n  user=vmail argv=/usr/local/bin/not-exec"); t.master("bypath unix - n n - - pipe\n  user=vmail argv=cat")
    names += ["hang", "soft", "absent", "notexec", "bypath"]
    t.main(relay_domains="$transport_maps", transport_maps="texthash:/etc/postfix/tr", hang_time_limit="2s"); t.file("tr", "".join(f"{n}.v.test {n}:\n" for n in names)); t.start()
    each(t, "x@client.example.org", *(f"a@{n}.v.test" for n in names)); status(t, drop=(r"to=<x@",)); t.showq()
