"""cdb: files made, asked, listed and changed; duplicates, damage; in smtpd."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *

NEEDS = ('cdb',)



def run(t):
    t.file("/w/t", "Key value one\nother 2\nkey again\n\"q q\" quoted\nbad\n")
    say = lambda command: t.sh("cd /w; " + command)
    say("postmap cdb:t; echo $?; ls t.cdb; postmap -q KEY cdb:t; postmap -q other cdb:t; postmap -q '\"q q\"' cdb:t; postmap -q none cdb:t; echo $?")
    say("printf 'key\\nnone\\nother\\n' | postmap -q - cdb:t")
    for o in ("-r", "-w", "-f", "-N", "-n"): say(f"postmap {o} cdb:t 2>/dev/null; postmap {o} -q key cdb:t; postmap {o} -q Key cdb:t")
    say("postmap -N cdb:t 2>/dev/null; postmap -n -q key cdb:t; echo $?; postmap -q key cdb:t")
    say("postmap -q x cdb:none; postmap cdb:none; : > empty; postmap cdb:empty; postmap -q x cdb:empty; echo $?")
    say("touch -d '1 hour ago' t.cdb; touch -d '30 minutes ago' t; postmap -q key cdb:t")
    t.title("in smtpd"); t.main(smtpd_helo_restrictions="check_helo_access cdb:/w/helo"); t.file("/w/helo", "evil.test REJECT no\n.sub.test REJECT parent\n"); say("chmod 755 /w; postmap cdb:helo"); t.start()
    for helo in ("evil.test", "x.sub.test", "good.test"):
        s = t.smtp(); s.cmd(f"HELO {helo}"); s.cmd("MAIL FROM:<a@example.test>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("QUIT"); s.close()
