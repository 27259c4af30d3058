"""Where a mailbox is: spool file, spool maildir, home_mailbox as file and maildir, below folders that are not there; what is in it: quoting, empty lines, long lines, no line end at the end."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    body = "Subject: forms\n\nFrom me\n>From you\n From him\nFromage\nFrom\n.\n..dots\n\n\n" + "x" * 3000 + "\nlast"
    services(t, "local", {"std": {}, "smd": dict(mail_spool_directory="/var/mail/folders/"), "hmf": dict(home_mailbox="Mailbox"), "hmd": dict(home_mailbox=".maildir/"), "deep": dict(home_mailbox="a/b/c/"), "deepf": dict(home_mailbox="no/such/file"),
        "flock": dict(mailbox_delivery_lock="flock"), "all": dict(mailbox_delivery_lock="fcntl, flock, dotlock"), "noorig": dict(enable_original_recipient="no"), "nodel": dict(prepend_delivered_header="command, forward")})
    t.sh("mkdir -m 1777 /var/mail/folders", quiet=True); t.start()
    for n in ("std", "smd", "hmf", "hmd", "deep", "deepf", "flock", "all", "noorig", "nodel"): each(t, "x@client.example.org", f"Alice@{n}.v.test", body=body)
    each(t, "", "bob@std.v.test"); each(t, '"odd name"@client.example.org', '"bob"@std.v.test')
    status(t); t.mail("alice"); t.mail("bob"); cat(t, "/home/alice/Mailbox"); tree(t, "/home/alice"); tree(t, "/var/mail")
