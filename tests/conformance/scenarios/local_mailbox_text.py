"""Mailboxes as they come out: From lines inside, no newline at the end, empty messages, NUL and eight bits, senders that are null, quoted or long, dates, several in a row, home_mailbox as file and as maildir."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    services(t, "local", {"std": {}, "file": dict(home_mailbox="Mail/box"), "dir": dict(home_mailbox="Mail/dir/"), "spooldir": dict(mail_spool_directory="/var/spooldir/")})
    t.sh("mkdir -p /home/alice/Mail; chown alice /home/alice/Mail; mkdir -m 1777 /var/spooldir", quiet=True)
    t.start()
    bodies = ["Subject: a\n\nFrom me\n>From you\n>>From us\nfrom them\nFrom\n From x\n", "Subject: b\n\n", "Subject: c\n\n\n\n", "Subject: d\n\nlast line without end", "Subject: e\n\n\u00e4\u00f6\n.\n..\n", "\nno header at all\n", "From x@y Mon Jan  1 00:00:00 2024\nSubject: f\n\nfrom line first\n", "Subject: g\nFrom : odd\n\nx\n", "Subject: h\n\n" + "y" * 3000 + "\n"]
    for n in ("std", "file", "dir", "spooldir"):
        for sender in ("x@client.example.org", "", '"a b"@client.example.org'):
            for body in bodies if sender.startswith("x") else bodies[:1]: t.send(sender, f"alice@{n}.v.test", body=body); t.drain()
        t.title(n)
        for f in sorted([*pathlib.Path("/home/alice").rglob("*"), *pathlib.Path("/var/spooldir").rglob("*"), pathlib.Path("/var/mail/alice")], key=str):
            if f.is_file() and not f.name.startswith("."): t.note("\n".join("  | " + l for l in f.read_text(errors="replace").split("\n") if not re.match(r"(Message-Id|Date|Received|\t)", l)) if f.parent.name != "new" else ""); 
        for f in sorted((m.read_text(errors="replace") for m in pathlib.Path("/").glob("home/alice/Mail/dir/new/*")), key=lambda m: m.split("Subject")[-1]): t.note("\n".join("  | " + l for l in f.split("\n") if not re.match(r"(Message-Id|Date|Received|\t)", l)))
        t.sh("rm -rf /home/alice/Mail/* /var/mail/alice /var/spooldir/*", quiet=True)
    status(t, drop=(r"to=<x@",))
