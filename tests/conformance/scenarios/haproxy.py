"""smtpd_upstream_proxy_protocol = haproxy: both versions, right and wrong headers, and none."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
import struct

SIG = b"\r\n\r\n\0\r\nQUIT\n"
def v2(cmd, fam, data): return SIG + bytes((cmd, fam)) + struct.pack("!H", len(data)) + data
V4 = socket.inet_aton("203.0.113.70") + socket.inet_aton("192.0.2.99") + struct.pack("!HH", 4321, 2525)


def run(t):
    P = ports(t, {"smtpd_upstream_proxy_protocol": "haproxy", "smtpd_upstream_proxy_timeout": "2s", "smtpd_client_port_logging": "yes"}, {"smtpd_upstream_proxy_protocol": "haproxy", "smtpd_upstream_proxy_timeout": "2s"})
    t.dns("71.113.0.203.in-addr.arpa", "PTR", "prox.client.example"); t.dns("prox.client.example", "A", "203.0.113.71"); t.start()
    heads = {"v1": b"PROXY TCP4 203.0.113.71 192.0.2.99 1234 25\r\n", "v1 spaces": b"PROXY  tcp4  203.0.113.72 192.0.2.99  1 2 more\r\n", "v1 lf": b"PROXY TCP4 203.0.113.72 192.0.2.99 1 2\n", "v2": v2(0x21, 0x11, V4), "v2 tlv": v2(0x21, 0x11, V4 + b"\3\0\1x"), "v2 local": v2(0x20, 0, b""), "v2 local data": v2(0x20, 0x11, V4)}
    wrong = {"v1 unknown": b"PROXY UNKNOWN\r\n", "v1 tcp6": b"PROXY TCP6 ::1 ::1 1 2\r\n", "v1 address": b"PROXY TCP4 1.2.3 4.5.6.7 1 2\r\n", "v1 server": b"PROXY TCP4 1.2.3.4\r\n", "v1 port": b"PROXY TCP4 1.2.3.4 5.6.7.8 x 1\r\n", "v1 noport": b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", "v2 version": v2(0x11, 0x11, V4), "v2 command": v2(0x22, 0x11, V4), "v2 short": v2(0x21, 0x11, V4[:8]), "v2 udp": v2(0x21, 0x12, V4), "v2 six": v2(0x21, 0x21, bytes(36)), "smtp": b"EHLO x\r\n", "long smtp": b"EHLO client.example.org\r\n"}
    for p in P:
        for k, h in heads.items():
            if p == P[1] and k != "v1": continue
            s = t.smtp(src="127.0.0.1", dst=ME, port=p, quiet=True, greet=False); s.s.sendall(h); t.note(f"{k}: {s.line()}")
            for c in ("EHLO x", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA"): r = ask(s, c)
            t.note(r); t.note(quietly(t, s, f"Subject: {k} {p}\n\n")); ask(s, "QUIT"); s.close()
    t.drain(); t.mail("alice", headers=("received", "subject")); t.log("smtpd: (connect|disconnect|Q|warn)", drop=("unknown.unknown", "haproxy read: EOF", "localhost")); t.logs.clear()
    for k, h in wrong.items():
        s = t.smtp(src="127.0.0.1", dst=ME, port=P[0], quiet=True, greet=False); s.s.sendall(h)
        try: s.line(); s.line()
        except (OSError, EOFError): t.note(f"{k}: closed")
        s.close()
    t.log("haproxy")
