"""AUTH with Dovecot's protocol: mechanisms, initial responses, challenges, and everything out of place."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from auth import *
from doors import *


def run(t):
    a = Auth(); sasl(t, smtpd_recipient_restrictions="permit_sasl_authenticated, reject"); t.start()
    t.title("mechanisms"); s = t.smtp(src=STRANGER, dst=ME); s.cmd("EHLO client.example.org"); s.cmd("QUIT"); s.close()
    t.title("initial responses")
    for u in ("joe", "bad", "why", "temp", "nobody", "noname", "other"):
        talk(t, "AUTH PLAIN " + plain(u), "MAIL FROM:<x@z.example>", "RCPT TO:<alice@example.test>")
    t.title("challenges")
    talk(t, "AUTH PLAIN", plain("joe"), "AUTH PLAIN " + plain("joe"), "MAIL FROM:<a@z.example>", "RSET", "AUTH LOGIN", "NOOP")
    talk(t, "AUTH LOGIN", b64("joe"), b64("pw"), "RSET", "EHLO again.example.org", "AUTH PLAIN x")
    talk(t, "auth login " + b64("why"), b64("pw"), "AUTH LOGIN", "*", "AUTH login", "not base64!", "AUTH PLAIN !!", "AUTH PLAIN =", "AUTH PLAIN", "")
    t.title("out of place")
    talk(t, "AUTH", "AUTH PLAIN a b", "AUTH NTLM", "AUTH ANONYMOUS", "AUTH TOKEN-KEY", "AUTH X\x01Y", "MAIL FROM:<x@z.example>", "AUTH PLAIN " + plain("joe"), "RSET", "AUTH PLAIN " + plain("nodata"))
    talk(t, "AUTH PLAIN", "x" * 13000, "NOOP", helo="HELO old.example.org")
    talk(t, "AUTH PLAIN", b"A" * 12288 + b"\r\n", "NOOP")
    talk(t, "AUTH PLAIN " + plain("joe"), helo=None)
    s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO x"); ask(s, "AUTH LOGIN"); s.close(); time.sleep(0.3)
    a.note(t); t.log("warning|sasl_|lost connection")
