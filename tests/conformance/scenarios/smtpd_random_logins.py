"""Random AUTH dialogues with a scripted Dovecot: mechanisms, initial responses, cancelled, wrong and endless ones, in and out of order."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from auth import *
from doors import *
from chance import Chance

USERS = ["joe", "bad", "why", "temp", "nobody", "noname", "nodata", "other", "odd", "j@d", "ü"]


def run(t):
    sasl(t, smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", broken_sasl_auth_clients="yes", smtpd_sasl_security_options="noanonymous"); t.start(); server = Auth(); r = Chance(11)
    def one():
        u = r.choice(USERS)
        return r.choice([lambda: [f"AUTH PLAIN {plain(u)}"], lambda: ["AUTH PLAIN", plain(u)], lambda: ["AUTH LOGIN", b64(u), b64("secret")], lambda: [f"AUTH LOGIN {b64(u)}", b64("secret")], lambda: ["AUTH LOGIN", "*"], lambda: ["AUTH LOGIN", b64(u), "*"], lambda: ["AUTH PLAIN ="], lambda: ["AUTH PLAIN", ""], lambda: ["AUTH PLAIN !!!"], lambda: ["AUTH LOGIN", "%%%", "x"], lambda: ["AUTH"], lambda: ["AUTH PLAIN a b"], lambda: ["auth plain " + plain(u)], lambda: ["AUTH LOGIN", b64("x" * 800), b64("y")], lambda: ["AUTH PLAIN " + b64("no zeros")]])()
    for i in range(28):
        s = t.smtp(src=f"203.0.113.{10 + i % 10}", dst=ME, quiet=True); out = []
        for c in [r.choice(["EHLO c.example"] * 5 + ["HELO c", "NOOP"]), *one(), *(["MAIL FROM:<a@z.example> AUTH=joe"] if r.maybe(.3) else []), *(one() if r.maybe(.4) else []), "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<u@far.example>"]:
            got = ask(s, c); out.append(f"{c[:30]} -> {got.split(' / ')[0]}")
            if "(closed)" in got: break
        t.note(f"{i}: " + " | ".join(out)); ask(s, "QUIT"); s.close()
    import re
    old = t.norm; t.norm = lambda text: re.sub(r"\bQ\d+\b", "Q", old(text)); t.log("smtpd: .*(client=|warning: unknown)", drop=("localhost",))
