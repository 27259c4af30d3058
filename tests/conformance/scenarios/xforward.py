"""XFORWARD: every attribute, right and wrong; what the log, content checks and the next hop say of the original client."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    P = ports(t, {"smtpd_authorized_xforward_hosts": "127.0.0.0/8"}, {"smtpd_authorized_xforward_hosts": "127.0.0.1", "smtpd_client_port_logging": "yes"}); f = Filter("203.0.113.10:25")
    t.main(header_checks="regexp:/etc/postfix/checks", smtp_send_xforward_command="yes", smtp_connection_cache_on_demand="no", transport_maps="inline:{far.example=smtp:[203.0.113.10]}", remote_header_rewrite_domain="remote.invalid", relay_domains="far.example"); t.file("checks", "/^X-Warn/ WARN here\n"); t.start()
    t.title("who may"); talk(t, "XFORWARD ADDR=192.0.2.9", port=P[0]); s = t.smtp(src="127.0.0.1", dst=ME, port=P[0], quiet=True); t.note(ask(s, "EHLO x")); ask(s, "QUIT"); s.close()
    t.title("syntax"); talk(t, "XFORWARD", "XFORWARD FOO=bar", "XFORWARD NAME", "XFORWARD NAME=-x-", "XFORWARD ADDR=1.2", "XFORWARD PORT=x", "XFORWARD SOURCE=moon", "XFORWARD PROTO=" + "p" * 65, "XFORWARD IDENT=" + "i" * 256, "XFORWARD NAME=ok.example ADDR=bad", "MAIL FROM:<a@z.example>", "XFORWARD NAME=x", src="127.0.0.1", port=P[0])
    cases = {"all": ["NAME=spike.example ADDR=203.0.113.60 PORT=4711 PROTO=ESMTP HELO=spike.he", "IDENT=ABC123 SOURCE=REMOTE"], "local": ["SOURCE=LOCAL IDENT=here"], "name": ["NAME=only.example"], "unavailable": ["NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] PROTO=[UNAVAILABLE] HELO=[UNAVAILABLE] IDENT=[UNAVAILABLE] SOURCE=[UNAVAILABLE]"], "odd": ["HELO=a+20b<c> IDENT=x@y+20z PROTO=e(s)mtp"], "none": []}
    for p in P:
        for k, cmds in cases.items():
            t.title(f"{k} on {p}"); talk(t, *["XFORWARD " + c for c in cmds], "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<x@far.example>", "DATA", (f"From: me\nSubject: {k} {p}\nX-Warn: 1\n\n",), "MAIL FROM:<b@z.example>", "RCPT TO:<alice@example.test>", "DATA", (f"Subject: after {k}\nX-Warn: 2\n\n",), src="127.0.0.1", port=p); t.drain()
    f.note(t); t.mail("alice", headers=("received", "from", "subject")); t.log("client=|warning: |WARN|X-Warn")
