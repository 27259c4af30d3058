"""socketmap: replies of every sort, broken netstrings, no server; in smtpd."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from databases import *



REPLIES = {"yes": b"OK value", "space": b"OK a b ", "nothing": b"OK ", "no": b"NOTFOUND ", "later": b"TEMP later", "slow": b"TIMEOUT slow", "never": b"PERM never", "odd": b"WHAT x", "empty": b"", "word": b"TEMP"}
RAW = {"length": b"x:OK,", "comma": b"4:OK x;", "close": b""}


def talk(source, sink):
    while True:
        size = b""
        while not size.endswith(b":"):
            byte = source.read(1)
            if not byte: return
            size += byte
        name, key = source.read(int(size[:-1])).split(b" ", 1)
        source.read(1)
        key = key.decode()
        if key in RAW:
            sink.write(RAW[key]); return
        reply = REPLIES.get(key, b"OK " + name + b" asked " + key.encode())
        sink.write(b"%d:%s," % (len(reply), reply)); sink.flush()


def run(t):
    script(4000, talk)
    t.title("replies")
    for key in [*REPLIES, *RAW, "two words", "caf\u00e9", "UPPER"]: t.sh(f"postmap -q '{key}' socketmap:inet:127.0.0.1:4000:table {PLAIN}")
    t.title("wrong"); t.sh(f"postmap -q x socketmap:inet:127.0.0.1:1:table {PLAIN}; postmap -q x socketmap:unix:/none:table {PLAIN}"); t.sh(" postmap -q x socketmap:x; postmap -s socketmap:inet:127.0.0.1:4000:t; postmap -d x socketmap:inet:127.0.0.1:4000:t")
    t.main(smtpd_helo_restrictions="check_helo_access socketmap:inet:127.0.0.1:4000:t"); t.start()
    for helo in ("later", "never", "no"):
        t.title(f"in smtpd: {helo}"); t.logs.clear(); s = t.smtp(); s.cmd(f"HELO {helo}"); s.cmd("MAIL FROM:<a@example.test>"); s.cmd("RCPT TO:<alice@example.test>"); s.cmd("QUIT"); s.close(); t.log("warning: |reject")
