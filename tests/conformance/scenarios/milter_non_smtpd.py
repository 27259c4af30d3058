"""non_smtpd_milters: local submissions with a played SMTP session; every answer; notices and forwarded mail go past."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    now = {}
    OK = ("c", b"")
    m = Milter("127.0.0.1:9908", {e: (lambda e=e: now.get(e, [OK])) for e in ("connect", "helo", "mail", "rcpt", "data", "eoh", "eom")}, macros=True)
    t.main(non_smtpd_milters="inet:127.0.0.1:9908", milter_default_action="tempfail", milter_rcpt_macros="i {rcpt_addr} {rcpt_mailer}", milter_mail_macros="i {mail_addr} {mail_host}"); t.file("aliases", "fwd: bob@example.test\n"); t.start()
    def one(title, to="bob@example.test", **answers):
        now.clear(); now.update(answers); t.title(title)
        t.sendmail(f"-f carol@example.test {to}", f"Subject: {title}\n\nx\n"); t.drain(timeout=3) if title not in ("rcpt reject", "temp") else time.sleep(1.5); t.log(r"cleanup: |pickup: |bounce: ", drop=("message-id=",)); t.logs.clear()
    one("plain"); one("two", "bob@example.test fwd@example.test"); m.note(t, t.norm)
    one("edit", eom=[add("X-Local", "1"), ("e", z("dave@example.test")), ("+", z("carol@example.test")), ("b", b"other\r\n"), OK])
    one("reject", eom=[("r", b"")]); one("code", eom=[reply("554 no status")]); one("mail reject", mail=[("r", b"")]); one("discard", data=[("d", b"")]); one("accept", mail=[("a", b"")])
    one("rcpt reject", rcpt=[("r", b"")]); t.sh("ls /var/spool/postfix/maildrop | wc -l"); t.sh("rm -f /var/spool/postfix/maildrop/*")
    one("temp", eom=[("t", b"")]); t.sh("rm -f /var/spool/postfix/maildrop/*")
    one("bounced", "nobody@example.test"); t.drain(); t.showq()
    for who in ("bob", "carol", "dave", "alice"): t.mail(who, headers=("subject", "x-local", "return-path"))
    t.note(f"{len(m.sessions)} sessions"); t.log("warning|milter")
