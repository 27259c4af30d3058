"""A content filter that refuses, waits or is not there: for all recipients, by header, by access table; default_filter_nexthop; notices do not go through it twice."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    scan = t.sink("203.0.113.12", 10025, name="scan", script={"RCPT bad": "554 5.7.1 virus", "RCPT slow": "451 4.7.1 busy"})
    t.master("scan unix - - n - - smtp\nback inet n - n - - smtpd\n  -o content_filter=\n".replace("back", "127.0.0.1:10026"))
    t.dns("scan.example", "A", "203.0.113.12"); t.main(local_recipient_maps="", default_filter_nexthop="[203.0.113.12]:10025", bounce_queue_lifetime="0")
    for f in ("scan:[203.0.113.12]:10025", "scan:", "scan:[203.0.113.13]:10025", "nosuch:x", "scan:scan.example:10025"):
        t.main(content_filter=f); t.start() if f == "scan:[203.0.113.12]:10025" else t.reload(); t.logs.clear()
        t.title(f); t.send("alice@example.test", ["bob@example.test", "bad@example.test", "slow@far.example"]); t.drain(); t.showq()
        for x in scan.sessions: t.note("scan: " + "; ".join(l.split(":", 1)[1].strip() for l in x if "MAIL" in l or "RCPT" in l))
        scan.sessions.clear(); t.log("status=", "notification", "warning: connect"); t.sh("postsuper -d ALL", quiet=True)
