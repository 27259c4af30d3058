"""milter_header_checks: every action on fields that a milter adds or changes, and not on others."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    acts = {"reject": "REJECT because", "rejbare": "REJECT", "rejtemp": "REJECT 4.7.0 later", "discard": "DISCARD gone", "hold": "HOLD it", "filter": "FILTER smtp:[203.0.113.10]", "badfilter": "FILTER nothing", "redirect": "REDIRECT bob@example.test", "badredir": "REDIRECT nobody",
            "bcc": "BCC carol@example.test", "badbcc": "BCC nobody", "warn": "WARN about it", "info": "INFO for you", "replace": "REPLACE X-Other: value", "badrepl": "REPLACE nothing", "prepend": "PREPEND X-P: 1", "strip": "STRIP it", "ignore": "IGNORE", "dunno": "DUNNO", "what": "WHATEVER"}
    t.file("checks", "".join(f"/^X-Act: {k}$/ {v}\n" for k, v in acts.items()))
    now = {}
    Milter("127.0.0.1:9909", {"eom": lambda: [add("X-Before", "1"), add("X-Act", now["act"]), add("X-After", "1"), ("c", b"")]}); Milter("127.0.0.1:9910", {"eom": lambda: [change(1, "Subject", now["act"]), insert(0, "X-Act", now["act"]), ("c", b"")]})
    P = ports(t, {"smtpd_milters": "inet:127.0.0.1:9909"}, {"smtpd_milters": "inet:127.0.0.1:9910"}); t.main(milter_header_checks="regexp:/etc/postfix/checks"); sink = t.sink("203.0.113.10"); t.start()
    for k in acts:
        now["act"] = k; t.note(f"{k}: " + mail(t, f"Subject: {k}\nX-Act: {k}\n\nx\n", port=P[0]))
    for k in ("reject", "strip", "replace"): now["act"] = k; t.note(f"{k} inserted: " + mail(t, f"Subject: was {k}\n\nx\n", port=P[1]))
    t.drain(); t.showq()
    for who in ("alice", "bob", "carol"): t.mail(who, headers=("subject", "x-act", "x-before", "x-after", "x-other", "x-p"))
    t.log("milter|warning|unsupported")
