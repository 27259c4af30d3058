"""XCLIENT and XFORWARD with random attributes and values, and PROXY lines that are nearly right."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from chance import *

VALUES = ["x.example", "[UNAVAILABLE]", "[TEMPUNAVAIL]", "[unavailable]", "192.0.2.55", "IPV6:2001:db8::1", "ipv6:2001:db8::2", "2001:db8::3", "1.2.3", "", "25", "0", "65536", "x+20y", "a+3Db", "+ZZ", "joe", "SMTP", "ESMTP", "esmtp", "LOCAL", "REMOTE", "remote", "UNKNOWN", "-", "a b", "ü", "x" * 300, "1.2.3.4"]
XC, XF = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "REVERSE_NAME", "LOGIN", "DESTADDR", "DESTPORT", "IDENT", "name", "FOO", ""], ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE", "name", "FOO", "LOGIN"]
LINES = [b"PROXY TCP4 192.0.2.55 192.0.2.66 1 2\r\n", b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN x y z\r\n", b"PROXY TCP4 192.0.2.55 192.0.2.66 1\r\n", b"PROXY TCP4 192.0.2.55 2001:db8::2 1 2\r\n", b"PROXY TCP4 192.0.2.555 192.0.2.66 1 2\r\n", b"PROXY TCP4 192.0.2.55 192.0.2.66 99999 2\r\n", b"PROXY TCP4 192.0.2.55 192.0.2.66 1 2 3\r\n", b"PROXY TCP4 192.0.2.55 192.0.2.66 01 2\r\n", b"proxy tcp4 192.0.2.55 192.0.2.66 1 2\r\n", b"PROXY  TCP4 192.0.2.55 192.0.2.66 1 2\r\n", b"PROXY TCP4 192.0.2.55 192.0.2.66 1 2\n", b"EHLO x\r\n", b"PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n", b"PROXY UDP4 192.0.2.55 192.0.2.66 1 2\r\n", b"\r\n"]
V2 = b"\r\n\r\n\0\r\nQUIT\n"
def v2(cmd, fam, body): return V2 + bytes([cmd, fam]) + len(body).to_bytes(2, "big") + body
A4 = bytes([192, 0, 2, 55, 192, 0, 2, 66, 0, 1, 0, 2]); A6 = bytes(range(32)) + b"\0\1\0\2"
LINES += [v2(0x21, 0x11, A4), v2(0x21, 0x21, A6), v2(0x20, 0, b""), v2(0x20, 0x11, A4), v2(0x21, 0x12, A4), v2(0x21, 0x11, A4[:8]), v2(0x31, 0x11, A4), v2(0x22, 0x11, A4), v2(0x21, 0x31, bytes(216)), v2(0x21, 0x11, A4 + b"\4\0\1x"), v2(0x21, 0x00, A4)]


def run(t):
    t.main(smtpd_authorized_xclient_hosts=STRANGER, smtpd_authorized_xforward_hosts=STRANGER, smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", smtpd_sasl_auth_enable="no", smtpd_client_port_logging="yes")
    p, = ports(t, {"smtpd_upstream_proxy_protocol": "haproxy", "smtpd_upstream_proxy_timeout": "2s"}); t.start(); r = Chance(4)
    for i in range(90):
        word, names = ("XCLIENT", XC) if i % 2 else ("XFORWARD", XF)
        def one(): return word + "".join(f" {r.choice(names)}{'=' if r.maybe(.95) else ''}{r.choice(VALUES)}" for _ in range(r.choice([1, 1, 2, 3])))
        session(t, ["EHLO c.example", one(), *( ["EHLO d.example"] if word == "XCLIENT" else []), *([one()] if r.maybe(.4) else []), "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<u@far.example>", *(["DATA"] if r.maybe(.3) else [])], cut=40)
    for l in LINES: t.note(repr(l)); session(t, ["EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<u@far.example>"], first=l, port=p)
    without_numbers(t); t.drain(30); t.log("smtpd: .*(client=|warning)", drop=("localhost",)); t.mail("alice", headers=("received",))
