"""enable_long_queue_ids: such IDs in the log, in listings, for postsuper, postcat and postqueue; both kinds in one queue."""
import pathlib, re, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t); before = t.norm; t.norm = lambda s: re.sub(r"(?<=: )[0-9A-Za-z]{11,20}(?=: )", "Q", before(s))
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later"})
    t.start(); t.send("short@example.test", "u@far.example"); t.drain()
    t.main(enable_long_queue_ids="yes"); t.reload(); t.send("long@example.test", "u@far.example"); t.drain()
    short, long = waiting.ids(t, "short@example.test")[0], waiting.ids(t, "long@example.test")[0]
    t.note(f"{bool(re.fullmatch('[0-9A-F]{6,}', short))} {bool(re.fullmatch('[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+', long))}")
    for c in ("postcat -qh {}", "postqueue -i {}", "postsuper -h {}", "postsuper -H {}", "postsuper -e {}", "postsuper -r {}"):
        for name, i in (("SHORT", short), ("LONG", long)):
            out = t.sh(c.format(i), quiet=True); "-i" in c and t.drain(); t.note("$ " + c.format(name)); t.note("\n".join(re.sub(r"(deferred|hold)/\w/", r"\1/X/", "  " + l.replace(i, name)) for l in out.splitlines() if not re.search("Message-Id|Date|id |by foo|from ", l)))
    t.sh("postqueue -f", quiet=True); t.drain(); t.showq(); t.log("postsuper"); t.sh("postsuper -d ALL", quiet=True)
    t.title("submitted"); t.logs.clear(); waiting.inject(t, "alice@example.test", "bob@example.test"); t.drain(); t.note(str(sorted({bool(re.match(r"postfix/\w+: [0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z", l)) for l in t.logs if "status=" in l or "removed" in l})))
