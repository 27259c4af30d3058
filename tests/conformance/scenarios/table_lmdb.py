"""lmdb: files with and without NUL, long keys, large values, a small map; in smtpd."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('lmdb',)



def run(t):
    say = lambda command, **kw: t.sh("cd /w; " + command, **kw)
    t.file("/w/t", "Key value one\nother 2\n" + "k" * 500 + " long key\n" + "big " + "v" * 20000 + "\n")
    say("postmap lmdb:t; echo $?; postmap -q key lmdb:t; postmap -q big lmdb:t | wc -c; postmap -s lmdb:t | cut -c1-20")
    for o in ("-N", "-n"): say(f"postmap {o} lmdb:t; postmap {o} -q key lmdb:t; postmap -q other lmdb:t")
    say("postmap -N lmdb:t; postmap -n -q key lmdb:t; echo $?; postmap -n lmdb:t; postmap -N -q key lmdb:t; echo $?")
    t.title("many"); say("for i in $(seq 3000); do echo key$i@example.test value$i; done > many; postmap lmdb:many; postmap -q key2999@example.test lmdb:many; postmap -s lmdb:many | wc -l")
    say("seq 1 40 | sed 's/.*/key&@example.test/' | postmap -d - lmdb:many; postmap -s lmdb:many | wc -l; postmap -q key7@example.test lmdb:many; echo $?")
    t.title("in smtpd"); t.main(smtpd_helo_restrictions="check_helo_access lmdb:/w/helo"); t.file("/w/helo", "evil.test REJECT no\n.sub.test REJECT parent\n"); say("chmod 755 /w; postmap lmdb:helo"); t.start()
    for helo in ("evil.test", "x.sub.test", "good.test"):
        s = t.smtp(); s.cmd(f"HELO {helo}"); s.cmd("MAIL FROM:<a@example.test>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("QUIT"); s.close()
