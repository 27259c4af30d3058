"""Dovecot that is started again, not there, silent in the middle, or somebody else."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from auth import *
from doors import *


def run(t):
    a = Auth(); sasl(t)
    t.master("2525 inet n - n - - smtpd\n  -o smtpd_sasl_path=inet:127.0.0.1:9997")
    i = Auth(("127.0.0.1", 9997)); t.start()
    t.title("started again between two logins"); s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO x")
    t.note(ask(s, "AUTH PLAIN " + plain("bad"))); a.stop(); a.begin(); t.note(ask(s, "AUTH PLAIN " + plain("joe"))); ask(s, "QUIT"); s.close()
    t.title("gone in the middle"); talk(t, "AUTH PLAIN " + plain("drop"), "AUTH PLAIN " + plain("joe"))
    t.title("gone between challenge and response"); s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO x")
    t.note(ask(s, "AUTH LOGIN")); a.stop(); time.sleep(0.2); t.note(ask(s, b64("joe"))); t.note(ask(s, "AUTH LOGIN")); a.begin(); t.note(ask(s, "AUTH PLAIN " + plain("joe"))); s.close()
    t.title("over TCP"); talk(t, "AUTH PLAIN " + plain("joe"), port=2525)
    i.note(t); t.log("warning|fatal|sasl_", drop=("process .* exit status", "throttling"))
