"""Each answer of a milter at each stage of the dialogue: replies, log lines, and what becomes of the rest of the session."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *

KINDS = {"accept": ("a", b""), "discard": ("d", b""), "reject": ("r", b""), "temp": ("t", b""), "shut": ("4", b""), "code": reply("554 5.7.7 no %% here"), "later": reply("450-4.7.7 two\r\n450 4.7.7 lines"),
         "421": reply("421 4.7.7 go"), "bad": reply("250 fine"), "mixed": reply("554 4.1.1 mixed"), "skip": ("s", b""), "fail": ("f", b""), "edit": add("X-Early", "1")}


def run(t):
    stages = ("connect", "helo", "mail", "rcpt", "data", "header Subject", "body", "eom")
    current = {}
    def pick(stage):
        def give():
            kind = current.get(stage)
            return [("c", b"")] if kind is None else [KINDS[kind]]
        return give
    Milter("127.0.0.1:9902", {s: pick(s) for s in stages})
    t.main(smtpd_milters="inet:127.0.0.1:9902", milter_default_action="tempfail", smtpd_error_sleep_time="0"); t.start()
    for stage in stages:
        t.title(stage)
        for kind in KINDS:
            if kind in ("edit", "shut") and stage in ("header Subject", "body", "eom") or kind in ("mixed", "421", "skip", "fail") and stage in ("helo", "body", "data"): continue
            current.clear(); current[stage] = kind
            s = t.smtp(src=STRANGER, dst=ME, quiet=True, greet=False); out = []
            try: out.append(s.line())
            except (OSError, EOFError): out.append("(closed)")
            for c in ("EHLO c.example", "MAIL FROM:<a@z.example>", "VRFY alice" if stage in ("connect", "helo") else "RCPT TO:<alice@example.test>", "DATA"):
                r = ask(s, c); out.append(r.split(" / ")[0] if c[:4] == "EHLO" else r)
                if "(closed)" in r: break
            if out[-1][:3] == "354": out[-1] = quietly(t, s, f"Subject: {stage} {kind}\n\nx\n"); out.append(ask(s, "MAIL FROM:<b@z.example>"))
            ask(s, "QUIT"); s.close(); t.note(f"{kind}: " + " | ".join(out))
    t.drain(); t.showq(); t.mail("alice", headers=("subject",)); t.log("milter-|warning", drop=("unexpected command",))
