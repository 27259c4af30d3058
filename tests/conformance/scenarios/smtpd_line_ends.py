"""Bare LF, bare CR, NUL and dots in content and commands: smtpd_forbid_bare_newline in all its settings; smuggling sequences."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

ENDS = [b"\r\n.\r\n", b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r\r\n", b"\n.\r\r\n"]


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    P = ports(t, *[{"smtpd_forbid_bare_newline": v} for v in ("no", "yes")]); t.start()
    n = 0
    for p in P:
        t.title(f"port {p}")
        for e in ENDS:
            n += 1
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True)
            for c in ("EHLO client.example.org", "MAIL FROM:<a@client.example.org>", "RCPT TO:<alice@example.test>", "DATA"): r = ask(s, c)
            s.s.settimeout(0.7); r = ask(s, b"Subject: %d\r\n\r\nbefore" % n + e)
            if "(no reply)" in r: s.s.settimeout(5); r += " then " + ask(s, b"after\r\n.\r\n")
            t.note(f"{e!r} -> {r}"); ask(s, "QUIT"); s.close()
        t.title("commands"); talk(t, b"NOOP\n", b"NOOP\r\r\n", b"MAIL FROM:<a@b.example>\nRCPT TO:<alice@example.test>\n", b"NOOP \x00 nul\r\n", port=p)
    t.note(mail(t, b"Subject: odd\r\n\r\n.\x00nul\r\n..\r\n...x\r\nstray\rcr\r\n \r\n.\r\n", raw=True))
    t.note(mail(t, b" leading space\r\n\r\nx\r\n.\r\n", raw=True)); t.note(mail(t, b">From me\r\nSubject: from\r\n\r\nx\r\n.\r\n", raw=True)); t.note(mail(t, b".\r\n", raw=True))
    t.drain(); t.mail("alice", headers=("subject", "x-mailbox-line"))
    t.log("reject|warning|disconnect", drop=("localhost",))
