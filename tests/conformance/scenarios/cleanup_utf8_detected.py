"""smtputf8_autodetect_classes: who may send internationalised mail without having asked for it: sendmail, smtpd, notices, forwarded mail; what is told to the next hop."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    hop = catch(t); hop.ehlo = ("PIPELINING", "8BITMIME", "SMTPUTF8"); t.file("va", "alias@example.test ü@far.example\n"); t.main(virtual_alias_maps="texthash:/etc/postfix/va"); t.start()
    for classes in ("sendmail, verify", "all", "", "smtpd", "sendmail", "bounce, forward"):
        t.title(classes); t.main(smtputf8_autodetect_classes=classes); t.reload(); hop.sessions.clear(); hop.messages.clear()
        t.sh("sendmail -f joe@z.example ü@far.example", stdin="Subject: plain\n\nx\n", user="alice"); t.sh("sendmail -f joe@z.example r@far.example", stdin="Subject: Grüße\n\nx\n", user="alice"); t.sh("sendmail -f jö@z.example r@far.example", stdin="Subject: plain\n\nx\n", user="alice")
        t.send("a@z.example", "alias@example.test"); t.send("a@z.example", "r@far.example", "Subject: Grüße\n\nx\n"); t.send("a@z.example", "ü@far.example", mail_args=" SMTPUTF8"); t.drain()
        t.note("\n".join(sorted(l for s in hop.sessions for l in s if l[:4] in ("MAIL", "RCPT"))))
