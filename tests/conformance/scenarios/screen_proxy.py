"""postscreen_upstream_proxy_protocol: the addresses that a proxy tells go through all tests and on to smtpd."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *
import struct

V2 = b"\r\n\r\n\0\r\nQUIT\n" + bytes((0x21, 0x11)) + struct.pack("!H", 12) + socket.inet_aton("203.0.113.70") + socket.inet_aton("192.0.2.99") + struct.pack("!HH", 40321, 2525)


def run(t):
    behind = "smtpd pass - - n - - smtpd\n  -o smtpd_upstream_proxy_protocol=haproxy\n  -o smtpd_client_port_logging=yes\n"
    P = screens(t, {"postscreen_upstream_proxy_protocol": "haproxy", "postscreen_access_list": "cidr:/etc/postfix/access"}, {"postscreen_upstream_proxy_protocol": "haproxy", "postscreen_upstream_proxy_timeout": "1s"}, {"postscreen_upstream_proxy_protocol": "haproxy", "postscreen_greet_action": "drop"}, behind=behind)
    t.file("access", "203.0.113.71 permit\n"); t.start()
    for name, head in (("v1", b"PROXY TCP4 203.0.113.71 192.0.2.99 41234 25\r\n"), ("v2", V2), ("v2 local", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")):
        t.title(name); s = call(t, P[0], A[0]); s.s.sendall(head); t.note(greeting(s)); t.note(ask(s, "EHLO c.example")[:60]); ask(s, "QUIT"); s.close()
    heard(t, "smtpd: connect", drop=("localhost",)); t.title("too early, behind the header"); s = call(t, P[2], A[1]); s.s.sendall(b"PROXY TCP4 203.0.113.72 192.0.2.99 41234 25\r\nEHLO x\r\n"); t.note(greeting(s)); s.close(); heard(t)
    for name, head in (("none", b"EHLO x\r\n"), ("bad", b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n"), ("silence", b"")):
        t.title(name); s = call(t, P[1], A[0]); s.s.sendall(head); t.note(line(s)); s.close()
    heard(t)
