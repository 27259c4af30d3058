"""Milters with other services: in front of a proxy filter, with content_filter, smtpd_delay_reject = no, XFORWARD, rejected recipients, BDAT, SMTPUTF8 and long lines; what they hear then."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    m = Milter("127.0.0.1:9945", {"eom": [add("X-Milter", "1"), ("c", b"")]}, offer=(6, 0x1ff, 0x400)); f = Filter("127.0.0.1:9946")
    base = {"smtpd_milters": "inet:127.0.0.1:9945", "milter_default_action": "tempfail"}
    P = ports(t, dict(base, smtpd_proxy_filter="127.0.0.1:9946"), dict(base, smtpd_delay_reject="no", smtpd_helo_restrictions="reject_invalid_helo_hostname", smtpd_sender_restrictions="reject_non_fqdn_sender"), dict(base, smtpd_recipient_restrictions="check_recipient_access inline:{bob@example.test=REJECT}"), dict(base, milter_protocol="2"), dict(base, smtpd_end_of_data_restrictions="reject"), dict(base, smtpd_data_restrictions="check_sender_access inline:{{d@z.example=REJECT no}}"))
    t.start()
    def go(p, *commands, helo="EHLO c.example"):
        talk(t, *commands, port=p, helo=helo); time.sleep(0.2)
    t.title("proxy filter"); go(P[0], "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA", ("Subject: p\n\nx\n",))
    t.title("early refusals"); go(P[1], "MAIL FROM:<a@z>", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA", ("Subject: e\n\nx\n",), helo="EHLO a..b")
    t.title("recipients refused"); go(P[2], "MAIL FROM:<a@z.example>", "RCPT TO:<bob@example.test>", "RCPT TO:<no-one@example.test>", "RCPT TO:<alice@example.test>", "RSET", "MAIL FROM:<b@z.example>", "RCPT TO:<alice@example.test>", b"BDAT 17\r\nSubject: bdat\r\n\r\n", b"BDAT 3 LAST\r\nx\r\n")
    t.title("old protocol"); go(P[3], "VRFY alice", "MAIL FROM:<\u00fc@z.example> SMTPUTF8", "RCPT TO:<alice@example.test>", "DATA", ("Subject: caf\u00e9\nX-Long: " + "x" * 3000 + "\n\n" + "y" * 70000 + "\n",))
    t.title("end of data refused"); go(P[4], "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA", ("Subject: n\n\nx\n",))
    t.title("data refused"); go(P[5], "MAIL FROM:<d@z.example>", "RCPT TO:<alice@example.test>", "DATA", "RSET", "MAIL FROM:<e@z.example>", "RCPT TO:<alice@example.test>", "DATA", ("Subject: e\n\nx\n",))
    t.drain(); m.note(t, lambda l: l[:200]); f.note(t); t.mail("alice", headers=("subject", "x-milter")); t.log("milter|reject", drop=("localhost",))
