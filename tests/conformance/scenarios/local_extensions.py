"""Address extensions: several delimiters, forward files by extension, propagate_unmatched_extensions for each source, owner-x-request names, long and odd extensions."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    t.file("aliases", "team carol, u@far.example\nteam+vip dave\nlist-x bob\ninc :include:/etc/postfix/inc\n"); t.file("inc", "u@far.example\n")
    t.dns("far.example", "MX", "10 mail.far.example"); t.dns("mail.far.example", "A", "203.0.113.10"); far = t.sink("203.0.113.10", name="mail.far.example")
    home(t, "bob", ".forward", "u@far.example\n"); home(t, "bob", ".forward+work", "carol\n"); home(t, "bob", ".forward+cmd", '"|echo $EXTENSION $LOCAL $USER $RECIPIENT $DOMAIN $ORIGINAL_RECIPIENT >>/tmp/cmd; cat >/dev/null"\n')
    a = dict(alias_maps="texthash:/etc/postfix/aliases")
    services(t, "local", {"plus": dict(a, recipient_delimiter="+"), "two": dict(a, recipient_delimiter="-+"), "none": a, "prop": dict(a, recipient_delimiter="+", propagate_unmatched_extensions="alias, forward, include"), "keep": dict(a, recipient_delimiter="+", propagate_unmatched_extensions="")})
    t.start()
    for n in ("plus", "two", "none", "prop", "keep"):
        t.title(n); each(t, "x@client.example.org", *(f"{u}@{n}.v.test" for u in ("alice+box", "bob+work", "bob+cmd", "bob+other", "team+vip", "team+else", "inc+ext", "list-x", "bob-work", "alice+", "+alice", "alice+a+b", "alice+a/b", "carol++x", "postmaster+x")))
        status(t, drop=(r"to=<x@", r"postfix/bounce")); t.logs.clear(); t.sh("cat /tmp/cmd; rm -f /tmp/cmd")
        t.note("\n".join(sorted("far: " + "; ".join(l.split(":", 1)[1].strip() for l in x if "RCPT" in l) for x in far.sessions)))
        far.sessions.clear()
    heads(t, "alice", "bob", "carol", "dave", headers=("delivered-to", "x-original-to"))
