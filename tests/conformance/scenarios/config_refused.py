"""What no program of Postfix starts with: values that all of them read, in main.cf; and lines of master.cf for the same endpoint, of which the last one counts."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from odd import *


def run(t):
    each(t, ("boolean", "soft_bounce = perhaps", ""), ("number", "header_size_limit = 1k", ""), ("time", "daemon_timeout = 1y", ""), ("too short", "syslog_name =", ""), ("facility", "syslog_facility = nosuch", ""), ("protocols", "inet_protocols = ipv4, ipv9", ""),
         ("interface", "inet_interfaces = 127.0.0.1, 10.99.99.99", ""), ("host", "inet_interfaces = nosuchhost.invalid", ""), ("proxy", "proxy_interfaces = nosuchhost.invalid", ""), ("origin", "myorigin = a.example, b.example", ""), ("user", "default_privs = nosuch", ""),
         ("twice", "", "2001 inet n - n - - smtpd -o smtpd_banner=third"), ("port", "", "127.0.0.1:nosuchport inet n - n - - smtpd"))
