"""tcp: replies of every sort, what is quoted, no server; in smtpd."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *



REPLIES = {"yes": b"200 value\n", "quoted": b"200 a%20b%25c%0a\n", "no": b"500 not%20found\n", "later": b"400 try%20later\n", "odd": b"what\n", "other": b"300 x\n", "empty": b"200 \n", "bare": b"200\n", "bad": b"200 %zz\n", "OK": b"200 OK\n"}


def talk(source, sink):
    for line in source:
        key = line.rstrip(b"\n").split(b" ", 1)[1].decode()
        reply = REPLIES.get(key, b"200 asked:" + key.encode() + b"\n")
        if reply is None: return
        sink.write(reply); sink.flush()


def run(t):
    script(4000, talk)
    t.title("replies")
    for key in [*REPLIES, "two words", "50%", "caf\u00e9", "UPPER", ""]: t.sh(f"postmap -q '{key}' tcp:127.0.0.1:4000 {PLAIN}")
    t.title("several"); t.sh("printf 'yes\\nno\\nquoted\\n' | postmap -q - tcp:localhost:4000")
    t.title("wrong"); t.sh(f"postmap -q x tcp:127.0.0.1:1 {PLAIN}"); t.sh("postmap -s tcp:127.0.0.1:4000; postmap -d x tcp:127.0.0.1:4000; postmap tcp:127.0.0.1:4000")
    t.main(smtpd_helo_restrictions="check_helo_access tcp:127.0.0.1:4000"); t.start()
    for helo in ("OK", "later", "no"):
        t.title(f"in smtpd: {helo}"); t.logs.clear(); s = t.smtp(); s.cmd(f"HELO {helo}"); s.cmd("MAIL FROM:<a@example.test>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("QUIT"); s.close(); t.log("warning: |reject")
