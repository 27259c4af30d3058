"""Mailboxes that cannot be used: folder, device, links, another owner, locked, too large, unreadable home, require_home_directory."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    services(t, "local", {"std": dict(mailbox_delivery_lock="flock, dotlock", deliver_lock_attempts="2"), "loose": dict(strict_mailbox_ownership="no"), "home": dict(home_mailbox="Mailbox"), "maildir": dict(home_mailbox="Maildir/"),
        "needs": dict(require_home_directory="yes"), "small": dict(mailbox_size_limit="3000", message_size_limit="3000"), "smallmd": dict(home_mailbox="md/", mailbox_size_limit="3000", message_size_limit="3000")})
    for n in range(10): t.sh(f"mkdir -p /home/u{n}; echo u{n}:x:{3000 + n}:100::/home/u{n}:/bin/sh >>/etc/passwd; chown {3000 + n}:100 /home/u{n}", quiet=True)
    t.sh("""cd /var/mail; mkdir u0; touch target; chown u1 target; ln -s target u1; touch u2; chown u2 u2; ln u2 u2-link; touch u3; touch u4; chown u4 u4; touch u4.lock; mkfifo u5; chown u5 u5
        ln -s /dev/null u6; chown -h u6 u6; chmod 000 /home/u7; chown root /home/u7; rm -rf /home/u8; touch u9; chown u9 u9; chmod 400 u9""", quiet=True)
    t.start()
    each(t, "x@client.example.org", *(f"u{n}@std.v.test" for n in (0, 1, 2, 3, 4, 5, 6, 9)), "u3@loose.v.test", "u7@home.v.test", "u7@maildir.v.test", "u7@needs.v.test", "u7@std.v.test", "u8@needs.v.test", "u8@home.v.test", "u8@maildir.v.test", "u8@std.v.test")
    each(t, "x@client.example.org", "alice@small.v.test", "alice@small.v.test", "alice@smallmd.v.test", body="Subject: s\n\n" + ("x" * 60 + "\n") * 30)
    status(t, drop=(r"to=<x@",)); t.showq(); t.mail("alice", headers=("subject",)); tree(t, "/var/mail")
