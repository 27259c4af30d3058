"""Two milters with different minds at each stage: who is asked after whom, which verdict stands, quarantine and discard beside other answers, and access tables and header checks beside milters."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    first, second = {}, {}
    A = Milter("127.0.0.1:9943", {e: (lambda e=e: first.get(e, [("c", b"")])) for e in ("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom")}); B = Milter("127.0.0.1:9944", {e: (lambda e=e: second.get(e, [("c", b"")])) for e in ("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom")})
    t.file("h.re", "/^X-By-A:/ REJECT header of A\n/^X-Hold:/ HOLD by check\n")
    t.main(smtpd_milters="inet:127.0.0.1:9943, inet:127.0.0.1:9944", smtpd_sender_restrictions="check_sender_access inline:{{hold@z.example=HOLD} {disc@z.example=DISCARD} {prep@z.example=PREPEND X-Prep: 1} {red@z.example=REDIRECT bob@example.test}}", header_checks="regexp:/etc/postfix/h.re", milter_header_checks="regexp:/etc/postfix/h.re", always_bcc="carol"); t.start()
    kinds = {"accept": ("a", b""), "reject": ("r", b""), "temp": ("t", b""), "discard": ("d", b""), "code": reply("550 5.7.3 own words")}
    def go(what, frm="a@z.example", body=""):
        s = t.smtp(src=STRANGER, dst=ME, quiet=True); out = [ask(s, c).split(" / ")[0] for c in ("EHLO c.example", f"MAIL FROM:<{frm}>", "RCPT TO:<alice@example.test>", "RCPT TO:<bob@example.test>", "DATA")]
        if out[-1][:3] == "354": out[-1] = quietly(t, s, f"Subject: {what}\n{body}\nx\n").split(" queued")[0]
        ask(s, "QUIT"); s.close(); t.note(f"{what}: " + " | ".join(o for o in out[1:] if o[:4] not in ("250 ",) or "Ok:" in o))
        first.clear(); second.clear()
    for e in ("connect", "mail", "rcpt", "eom"):
        for a in kinds:
            for b in ("reject", "discard", "accept"):
                if a == b: continue
                first[e] = [kinds[a]]; second[e] = [kinds[b]]; go(f"{e} {a} {b}")
    for a, b in ((("q", z("held by A")), add("X-B", "1")), (add("X-By-A", "1"), add("X-B", "1")), (add("X-Hold", "1"), ("d", b"")), (("+", z("<dave@example.test>")), ("-", z("<bob@example.test>"))), (("b", b"new body\r\n"), ("b", b"newer body\r\n"))):
        first["eom"] = [a, ("c", b"")]; second["eom"] = [b, ("c", b"")]; go(f"edits {a[0]} {b[0]} {a[1][:8]}")
    for f in ("hold", "disc", "prep", "red"): second["eom"] = [add("X-B", f), ("c", b"")]; go(f"access {f}", frm=f"{f}@z.example")
    first["eom"] = [("q", z("A says")), ("a", b"")]; second["eom"] = [("q", z("B says")), ("r", b"")]; go("quarantine, then reject"); go("header check holds", body="X-Hold: 1\n")
    t.drain()
    for u in ("alice", "bob", "carol", "dave"): t.mail(u, headers=("subject", "x-b", "x-prep"))
    for row in sorted(f"{q['queue_name']} {q['sender']} {len(q['recipients'])}" for q in t.queue()): t.note(row)
    t.log("milter-|cleanup.*(reject|hold)")
