"""milter_default_action and the options of single milters, for milters that are not there, silent, or talk nonsense."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *

WRONG = {"close": "close", "half": b"\0\0\0\5c", "zero": b"\0\0\0\0c", "negative": b"\xff\xff\xff\xffc", "http": b"HTTP/1.0 400 Bad\r\n\r\n", "data": ("c", b"xx"), "unknown": ("Z", b""), "silent": None}


def run(t):
    actions = ("accept", "reject", "tempfail", "nonsense")
    P = ports(t, *[{"smtpd_milters": f"{{ inet:127.0.0.1:9, default_action={a} }}"} for a in actions], {"smtpd_milters": "bogus"}, {"smtpd_milters": "tcp:127.0.0.1:9, inet:127.0.0.1:9"}, {"smtpd_milters": "unix:/tmp/none", "milter_protocol": "9"},
              {"smtpd_milters": "unix:/tmp/none", "milter_protocol": "2 6"}, {"smtpd_milters": "unix:/tmp/none", "milter_default_action": "accept"}, {"smtpd_milters": "{ inet:127.0.0.1:9905, command_timeout=1s, content_timeout=1s, default_action=tempfail }"},
              {"smtpd_milters": "bogus", "milter_default_action": "reject"}, {"smtpd_milters": "inet:127.0.0.1:9906", "milter_default_action": "accept"}, {"smtpd_milters": "inet:127.0.0.1:9907", "milter_default_action": "accept"})
    now = {}
    m = Milter("127.0.0.1:9905", {e: (lambda e=e: [WRONG[now["how"]]] if now.get("at") == e else [("c", b"")]) for e in ("optneg", "connect", "mail", "rcpt", "header", "body", "eom")})
    m.answers["optneg"] = lambda: [WRONG[now["how"]]] if now.get("at") == "optneg" else [("O", struct.pack("!III", 6, 0x1ff, 0))]
    Milter("127.0.0.1:9906", offer=(7, 0x1ff, 0)); Milter("127.0.0.1:9907", offer=(6, 0xfff, 0))
    t.main(milter_default_action="tempfail"); t.start()
    for p in P:
        if p == P[9]: continue
        t.title(f"port {p}"); s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True, greet=False); t.note(s.line())
        for c in ("EHLO x", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "STARTTLS", "VRFY alice", "ETRN example.test", "DATA"):
            r = ask(s, c); t.note(f"{c} -> " + (r.split(" / ")[0] if c[:4] == "EHLO" else r))
            if "(closed)" in r: break
            if r[:3] == "354": t.note(quietly(t, s, f"Subject: {p}\n\nx\n"))
        ask(s, "QUIT"); s.close()
    for at in ("optneg", "connect", "mail", "header", "eom"):
        for how in WRONG:
            if how == "silent" and at in ("header", "connect"): continue
            now.update(at=at, how=how); s = t.smtp(src=STRANGER, dst=ME, port=P[9], quiet=True, greet=False); out = [s.line()]
            for c in ("EHLO x", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA"): out.append(ask(s, c).split(" / ")[0])
            if out[-1][:3] == "354":
                out[-1] = quietly(t, s, f"Subject: {at} {how}\n\nx\n"); now.clear()
                for c in ("MAIL FROM:<b@z.example>", "RSET", "MAIL FROM:<c@z.example>"): out.append(ask(s, c))
            ask(s, "QUIT"); s.close(); t.note(f"{at} {how}: " + " | ".join(out))
    t.drain(); t.mail("alice", headers=("subject",)); t.showq(); t.log("milter|Milter|warning", drop=("localhost",))
