"""The Received: header: protocols, one and several recipients, names and addresses, smtpd_hide_client_session; client= lines."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "client.example.org"); t.dns("client.example.org", "A", "198.51.100.7")
    t.dns("11.113.0.203.in-addr.arpa", "PTR", "liar.example.org"); t.dns("liar.example.org", "A", "198.51.100.77")
    t.dns("12.113.0.203.in-addr.arpa", "PTR", "nowhere.example.org")
    port_log, = ports(t, {"smtpd_peername_lookup": "no"}); t.start()
    for src in ("198.51.100.7", "203.0.113.11", "203.0.113.12", "203.0.113.13"): t.note(mail(t, f"Subject: from {src}\n\nx\n", src=src))
    t.note(mail(t, "Subject: two\n\nx\n", to=["alice@example.test", "bob@example.test"])); t.note(mail(t, "Subject: quoted\n\nx\n", to="\"alice\"@example.test"))
    t.note(mail(t, "Subject: nameless\n\nx\n", port=port_log))
    talk(t, "HELO helo.example.org", "MAIL FROM:<>", "RCPT TO:<alice@example.test>", "DATA", ("Subject: smtp\n\nx\n",), helo=None)
    talk(t, "MAIL FROM:<>", "RCPT TO:<alice@example.test>", "DATA", ("Subject: no helo\n\nx\n",), helo=None)
    t.drain(); t.mail("alice", headers=("received", "subject"))
    t.log("connect|client=|warning", drop=("localhost",))
