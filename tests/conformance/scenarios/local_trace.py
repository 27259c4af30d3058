"""sendmail -bv and address probes say what would happen, and do nothing."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.file("aliases", "team alice, bob, away@away.example, nobody-here\nprog \"|cat >/tmp/d\"\nfile /tmp/d\ninc :include:/etc/postfix/list\n"); t.file("list", "carol\ndave\n"); home(t, "bob", ".forward", "carol\n")
    t.main(alias_maps="texthash:/etc/postfix/aliases", local_recipient_maps=""); t.start()
    t.sendmail("-bv -f alice team prog file inc alice bob nobody-here"); t.drain()
    t.log(r"status="); t.sh("ls /tmp/d"); t.mail("bob", headers=("subject",))
