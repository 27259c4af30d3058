"""sendmail: modes and names by which it is called, exit codes, options that do not go together, odd environments."""
import re


def run(t):
    old = t.norm; t.norm = lambda s: re.sub(r"\bsize=\d+", "size=N", old(s))
    t.main(alias_database="hash:/etc/postfix/aliases", default_database_type="hash"); t.start()
    for c in ("-bx", "-b", "-bdx", "-bD", "-bl", "-bi x", "-bi", "-I", "-bv", "-bv -bp", "-bs x", "-bt", "-bH", "-bh", "-bm", "-o", "-oX", "-oA/x -bi", "-O", "-O a", "-C", "-q x", "-qx", "-qR", "-qI", "-qSx -bs", "-t -bi", "-R x bob", "-V bob", "-V '' bob", "-XVa bob", "-Z", "-1", "-B7BIT bob", "-B 8bitmime bob", "-h5", "-h", "-L", "-A", "-Ax bob", "-F", "-r", "-f", "-p", "-P", "-f 'a b' bob", "-f <x> bob", "-i", "-t", "--", "-- bob", "-v", "-E bob", "-J bob", "-n bob"): t.sh(f"sendmail {c} </dev/null", user="alice")
    t.drain(); t.log("sendmail|postdrop|pickup|fatal|warning")
    t.logs.clear(); t.sh("printf 'EHLO x\\r\\nMAIL FROM:<a@b.example>\\r\\nRCPT TO:<bob>\\r\\nDATA\\r\\nSubject: x\\r\\n\\r\\n.\\r\\nNOOP\\r\\nQUIT\\r\\n' | sendmail -bs", user="alice"); t.drain(); t.log("smtpd|pickup|to=")
    t.sh("newaliases; ls /etc/postfix/aliases.db; newaliases x"); t.sh("cd /tmp; ln -s /usr/sbin/sendmail mailq; ./mailq", user="alice")
    t.logs.clear(); t.sh("MAIL_CONFIG=/no/such sendmail bob </dev/null; NAME='Own Name' sendmail bob </dev/null; USER= LOGNAME= sendmail bob </dev/null", user="alice"); t.drain(); t.log("sendmail|pickup"); t.mail("bob", headers=("from", "subject", "return-path"))
