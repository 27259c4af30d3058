"""pipe(8) flags and what they do to the content: each flag by itself, eol, double dots with CR LF, Return-Path of null senders, X-Original-To of aliases, quoting of odd addresses."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *


def run(t):
    plain(t)
    script(t, "/usr/local/bin/keep", 'n=$1; shift; { printf "<%s> " "$@"; echo; sed -n l; } >>/var/vmail/$n')
    flags = {"none": "", "b": "flags=B", "d": "flags=D", "f": "flags=F", "o": "flags=O", "r": "flags=R", "h": "flags=h", "u": "flags=u", "q": "flags=q", "dot": "flags=.", "gt": "flags=>", "all": "flags=BDFORhuq.>X", "crlf": "flags=. eol=\\r\\n", "crlfb": "flags=BFR eol=\\r\\n", "null": "flags=FR null_sender=", "nullname": "flags=FR null_sender=nobody-at-all", "tworuns": "flags=D flags=R"}
    for n, f in flags.items(): t.master(f"{n} unix - n n - - pipe\n  {f} user=vmail argv=/usr/local/bin/keep {n} ${{sender}} ${{recipient}} ${{user}} ${{domain}} ${{nexthop}}")
    t.main(transport_maps="texthash:/etc/postfix/tr", relay_domains="$transport_maps", virtual_alias_maps="inline:{orig@o.v.test=final@o.v.test}", **{f"{n}_destination_recipient_limit": "1" for n in flags})
    t.file("tr", "".join(f"{n}.v.test {n}:Next.Hop\n" for n in flags)); t.start()
    body = "Subject: x\n\n.\n..a\nFrom me\n>From you\nlast"
    for n in flags:
        for to in ([f"A+b@{n.upper()}.v.test", f'"c d"@{n}.v.test'] if n in "hqu" or n == "all" else [f"A+b@{n}.v.test"]): t.send("Sen.Der@Client.example.org", to, body=body); t.drain()
        if n in ("f", "r", "all", "null", "nullname", "crlfb"): t.send("", [f"x@{n}.v.test"], body=body); t.drain()
    t.send("x@client.example.org", "orig@o.v.test", body=body); t.drain()
    status(t, drop=(r"to=<Sen",))
    for n in flags: cat(t, f"/var/vmail/{n}", r"^(?!Message-Id|Date|Received|\\t|\s)")
