"""PROXY, XCLIENT and XFORWARD one upon the other: who the client is in checks, headers, log lines, policy and limits; XFORWARD in the wrong place; what a new message forgets."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.file("acc", "203.0.113.70 DUNNO\n203.0.113.80 REJECT xclient address\n203.0.113.90 REJECT xforward address\n")
    base = {"smtpd_upstream_proxy_protocol": "haproxy", "smtpd_upstream_proxy_timeout": "3s", "smtpd_authorized_xclient_hosts": "203.0.113.70", "smtpd_authorized_xforward_hosts": "203.0.113.70, 203.0.113.71", "smtpd_client_restrictions": "check_client_access texthash:/etc/postfix/acc"}
    P = ports(t, base, dict(base, smtpd_client_port_logging="yes", smtpd_delay_reject="no")); t.start()
    def session(p, *commands, src="203.0.113.70"):
        s = t.smtp(src="127.0.0.1", dst=ME, port=p, quiet=True, greet=False); s.s.sendall(f"PROXY TCP4 {src} 192.0.2.99 4321 25\r\n".encode()); t.note(s.line())
        for c in commands:
            r = quietly(t, s, c[0]) if isinstance(c, tuple) else ask(s, c); t.note(f"{'(content)' if isinstance(c, tuple) else c} -> {r.split(' / ')[0].split(' queued')[0]}")
            if "(closed)" in r: break
        ask(s, "QUIT"); s.close()
    mail = ("MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA")
    for p in P:
        t.title(f"port {p}")
        session(p, "EHLO one", *mail, ("Subject: proxied\n\n",)); session(p, "EHLO one", "XCLIENT ADDR=203.0.113.81 NAME=x.example HELO=inner", "EHLO two", *mail, ("Subject: xclient\n\n",), "XFORWARD ADDR=203.0.113.91", "XCLIENT ADDR=203.0.113.82")
        session(p, "EHLO one", "XFORWARD ADDR=203.0.113.91 NAME=f.example HELO=fwd PROTO=SMTP SOURCE=LOCAL IDENT=ABC", *mail, ("Subject: xforward\n\n",), *mail, ("Subject: after xforward\n\n",)); session(p, "EHLO one", "XFORWARD NAME=g.example", "XFORWARD ADDR=203.0.113.92", "MAIL FROM:<a@z.example>", "XFORWARD HELO=late", "RSET", *mail, ("Subject: after rset\n\n",))
        session(p, "EHLO one", "XFORWARD ADDR=203.0.113.90", *mail, ("Subject: forwarded refused address\n\n",)); session(p, "EHLO one", "XCLIENT ADDR=203.0.113.80", "EHLO two", *mail); session(p, "EHLO one", "XCLIENT ADDR=203.0.113.70 PORT=99", "EHLO two", "XFORWARD ADDR=203.0.113.93", "XCLIENT LOGIN=joe", "EHLO three", *mail, ("Subject: thrice\n\n",))
        session(p, "EHLO one", "XCLIENT ADDR=203.0.113.83", "XFORWARD ADDR=203.0.113.94", "NOOP", src="203.0.113.71")
    t.drain(); t.mail("alice", headers=("received", "subject")); t.log("smtpd: .*(connect|client=|reject|warning|disconnect)", drop=("unknown.unknown", "EOF", "localhost"))
