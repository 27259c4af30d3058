"""biff: the packet to comsat for a mailbox in the spool, none for maildirs, files, commands and forwards."""
import pathlib, socket, sys, threading; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    comsat = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); comsat.bind(("127.0.0.1", 512)); comsat.settimeout(0.3)
    pathlib.Path("/etc/services").open("a").write("\nbiff 512/udp comsat\nsmtp 25/tcp\n")
    t.file("aliases", "tofile: /tmp/tofile\npipe: \"|cat >/dev/null\"\n"); t.main(alias_maps="texthash:/etc/postfix/aliases", biff="yes")
    t.file("aliases", "tofile /tmp/tofile\npipe \"|cat >/dev/null\"\n")
    services(t, "local", {"off": dict(biff="no"), "dir": dict(home_mailbox="Maildir/"), "home": dict(home_mailbox="box"), "cmd": dict(mailbox_command="cat >/dev/null")})
    home(t, "carol", ".forward", "\\carol, bob@example.test\n")
    t.main(local_recipient_maps="", recipient_delimiter="+"); t.start()
    for rcpt in ("alice", "alice", "Bob+ext", "carol", "tofile", "pipe", "dave@off.v.test", "dave@dir.v.test", "dave@home.v.test", "dave@cmd.v.test"):
        each(t, "x@client.example.org", rcpt, body="Subject: same length\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-Id: <1@x>\n\nhello\n")
        got = []
        try:
            while True: got.append(re.sub(r"@[1-9]\d*", "@N", comsat.recv(500).decode()))
        except socket.timeout: pass
        t.note(f"{rcpt}: {sorted(got)}")
