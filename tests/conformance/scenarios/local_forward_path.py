"""forward_path with other names, recipient_delimiter with several characters, propagate_unmatched_extensions, illegal extensions, filters."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.file("aliases", "list+one carol\nlist alice\npair bob, away@away.example\n")
    home(t, "bob", ".forward", "alice\n"); home(t, "bob", ".forward+one", "carol\n"); home(t, "bob", ".forward-one", "dave\n"); home(t, "bob", "mail/x-one", "alice, carol\n"); home(t, "bob", ".forward+a_b", "dave\n")
    t.dns("away.example", "MX", "10 mail.away.example"); t.dns("mail.away.example", "A", "203.0.113.10"); sink = t.sink("203.0.113.10", name="mail.away.example")
    c = dict(alias_maps="texthash:/etc/postfix/aliases", recipient_delimiter="+-")
    t.main(recipient_delimiter="+-")
    services(t, "local", {"std": c, "none": dict(c, forward_path=""), "other": dict(c, forward_path="$home/mail/x-$extension, $home/absent"), "cond": dict(c, forward_path="$home/.forward${extension?+$extension}"),
                          "prop": dict(c, propagate_unmatched_extensions="alias, forward, include"), "bad": dict(c, forward_path="$home/$(user")})
    t.start()
    for n in ("std", "none", "other", "cond", "prop", "bad"):
        t.title(n); each(t, "x@client.example.org", *(f"{a}@{n}.v.test" for a in ("bob", "bob+one", "bob-one", "bob+two", "bob+a$b", "bob+a/b", "list+one", "list+two", "pair+x")))
        status(t, drop=(r"postfix/smtp",)); t.logs.clear()
    sink.note(headers=("delivered-to",))
