"""pipe(8): each exit status, output with and without a status code, long and many-lined output, signals, a command that does not read, size and time."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    script(t, "/usr/local/bin/by-name", 'cat >/dev/null; case $1 in s*) exit ${1#s};; code4) echo "4.7.1 come back"; exit 1;; code5) echo "5.7.1 go away"; exit 75;; code2) echo "2.0.0 fine"; exit 69;; okcode) echo "5.1.1 but exit 0"; exit 0;; long) head -c 900 /dev/zero | tr "\\0" x; exit 69;; lines) printf "one\\ntwo\\nthree\\n"; exit 69;; err) echo on stderr >&2; exit 77;; kill) kill -9 $$;; term) kill -15 $$;; bin) printf "a\\001b\\377c\\r\\n"; exit 70;; nocode) echo "x5.1.1 no"; exit 67;; half) echo "5.1 no"; exit 67;; blank) printf "  5.1.2  spaced\\n"; exit 67;; esac')
    script(t, "/usr/local/bin/no-read", "exit 0")
    t.master("prog unix - n n - - pipe\n  user=vmail argv=/usr/local/bin/by-name ${user}\nnoread unix - n n - - pipe\n  user=vmail argv=/usr/local/bin/no-read")
    t.main(transport_maps="inline:{p.v.test=prog:, n.v.test=noread:}", relay_domains="p.v.test n.v.test", prog_destination_recipient_limit="1")
    t.start()
    each(t, "x@client.example.org", *(f"s{n}@p.v.test" for n in (0, 1, 2, 63, *range(64, 79), 99, 126, 127, 128, 255)), *(f"{n}@p.v.test" for n in ("code4", "code5", "code2", "okcode", "long", "lines", "err", "kill", "term", "bin", "nocode", "half", "blank")))
    t.send("x@client.example.org", "big@n.v.test", body="Subject: x\n\n" + ("x" * 70 + "\n") * 4000); t.drain()
    status(t, drop=(r"to=<x@", r"postfix/bounce")); t.showq()
