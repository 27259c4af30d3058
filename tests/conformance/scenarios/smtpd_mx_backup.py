"""permit_mx_backup with and without permit_mx_backup_networks, and permit_auth_destination beside it."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.dns("backup.example", "MX", "10 primary.backup.example", "20 foo.example.test"); t.dns("primary.backup.example", "A", "203.0.113.10"); t.dns("primary.example", "MX", "10 foo.example.test", "20 other.example"); t.dns("other.example", "A", "203.0.113.11")
    t.dns("byaddress.example", "MX", "10 primary.backup.example", "20 alias.example"); t.dns("alias.example", "A", "192.0.2.1"); t.dns("none.example", "MX", "10 primary.backup.example"); t.dns("broken.example", "MX", "SERVFAIL"); t.dns("half.example", "MX", "10 gone.half.example", "20 foo.example.test")
    t.dns("far.example", "MX", "10 far.far.example", "20 foo.example.test"); t.dns("far.far.example", "A", "198.51.100.99"); t.dns("weird.example", "MX", "10 sick.example", "20 foo.example.test"); t.dns("sick.example", "A", "SERVFAIL")
    P = ports(t, {"smtpd_relay_restrictions": "permit_mx_backup, reject"}, {"smtpd_relay_restrictions": "permit_mx_backup, reject", "permit_mx_backup_networks": "203.0.113.0/24"}, {"smtpd_relay_restrictions": "permit_mx_backup, reject_unauth_destination", "smtpd_log_access_permit_actions": "permit_mx_backup"})
    t.start()
    for port in P:
        t.title(str(port)); s = [f"RCPT TO:<u@{d}>" for d in ("backup.example", "primary.example", "byaddress.example", "none.example", "broken.example", "half.example", "far.example", "weird.example", "absent.example", "example.test", "[203.0.113.10]", "backup.example@example.test")]
        talk(t, "MAIL FROM:<a@z.example>", *s, port=port)
    t.log("reject|permit:|warning")
