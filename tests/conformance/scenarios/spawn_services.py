"""spawn(8): user, group, folder, environment and streams of the command; a policy service; statuses, mistakes in the line."""
import pathlib, re, socket, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def talk(t, where, text=b""):
    """What the command on a port or socket says to TEXT, until it hangs up."""
    s = socket.create_connection(("127.0.0.1", where), 15) if isinstance(where, int) else socket.socket(socket.AF_UNIX)
    s.settimeout(15)
    if isinstance(where, str): s.connect("/var/spool/postfix/" + where)
    out = b""
    try:
        if text: s.sendall(text)
        while d := s.recv(4096): out += d
    except ConnectionResetError: pass
    except TimeoutError: out += b"(no end)"
    s.close(); t.note(f"{where}:"); t.note("\n".join("  | " + l for l in out.decode().splitlines()) or "  nothing")


def run(t):
    plain(t); old = t.norm; t.norm = lambda s: re.sub(r"(?<=group id )[1-9]\d*", "N", old(s))
    script(t, "/usr/local/bin/who", 'id -un; id -gn; pwd; umask; printf "arg <%s>\\n" "$@"; env | grep -vE "^(_|SHLVL|OLDPWD|PWD)=" | sort; echo to standard error >&2; read line; echo "got <$line>"')
    script(t, "/usr/local/bin/policy", 'while read line; do case $line in sender=bad@*) a="reject by policy";; sender=*) a=dunno;; "") echo "action=$a"; echo;; esac; done')
    script(t, "/usr/local/bin/fails", 'echo bye; exit 7'); script(t, "/usr/local/bin/dies", 'echo bye; kill -9 $$')
    script(t, "/usr/local/bin/plain", "echo not executable", mode=0o644)
    lines = {"who": "user=vmail argv=/usr/local/bin/who {a b} $c ${sender} -x", "group": "user=vmail:users argv=/usr/local/bin/who", "policy": "user=nobody argv=/usr/local/bin/policy", "fails": "user=vmail argv=/usr/local/bin/fails", "dies": "user=vmail argv=/usr/local/bin/dies",
             "gone": "user=vmail argv=/no/such/command x", "plain": "user=vmail argv=/usr/local/bin/plain", "path": "user=vmail argv=true"}
    wrong = {"nouser": "argv=/bin/true", "noargv": "user=vmail", "root": "user=root argv=/bin/true", "rootgroup": "user=vmail:root argv=/bin/true", "owner": "user=postfix argv=/bin/true", "ownergroup": "user=vmail:postfix argv=/bin/true", "unknown": "user=no-such argv=/bin/true", "unknowngroup": "user=vmail:no-such argv=/bin/true", "attr": "flags=R user=vmail argv=/bin/true"}
    for n, l in {**lines, **wrong}.items(): t.master(f"{n} unix - n n - - spawn\n  {l}")
    t.master("127.0.0.1:2601 inet n n n - 1 spawn\n  user=vmail argv=/usr/local/bin/who inet")
    t.main(export_environment="TZ MAIL_CONFIG LANG FRUIT=pear", smtpd_recipient_restrictions="check_policy_service unix:private/policy, permit", smtpd_client_restrictions="")
    t.start()
    for n in ("who", "group"): talk(t, f"private/{n}", b"hello\nmore\n")
    talk(t, 2601, b"hello\n"); talk(t, 2601, b"hello again\n")
    for n in ("fails", "dies", "path", "plain", "gone"): talk(t, f"private/{n}")
    s = t.smtp(); s.cmd("EHLO client.example.org")
    for sender in ("good@client.example.org", "bad@client.example.org", "x@client.example.org"): s.cmd(f"MAIL FROM:<{sender}>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("RSET")
    s.cmd("QUIT"); s.close()
    t.log("postfix/spawn: warning"); t.logs.clear()
    for n in wrong: talk(t, f"private/{n}")
    t.log("postfix/spawn")
