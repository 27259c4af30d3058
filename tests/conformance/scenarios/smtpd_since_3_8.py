"""What Postfix 3.8 to 3.12 changed in smtpd: commands that are too long, counting of malformed ones, NUL in ORCPT, queue ID where a session breaks off, removed restrictions."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000")
    line, naked, relay = ports(t, {"line_length_limit": "512"}, {"smtpd_recipient_restrictions": "permit_naked_ip_address"}, {"smtpd_recipient_restrictions": "check_relay_domains"}); t.start()
    t.title("long commands"); talk(t, "NOOP " + "x" * 507, "NOOP " + "x" * 900, "NOOP", port=line)
    t.title("malformed commands"); talk(t, "", b"NOOP \xff\r\n", "NOOP")
    t.title("NUL"); talk(t, "MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test> ORCPT=rfc822;a+00b")
    for p in (naked, relay): t.title(f"removed, port {p}"); talk(t, "MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test>", port=p)
    for c in ((), ("MAIL FROM:<a@b.example>",), ("MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test>")):
        s = t.smtp(src=STRANGER, dst=ME, quiet=True)
        for one in ("EHLO client.example.org", *c): ask(s, one)
        s.close(); time.sleep(0.3)
    t.title("HELP"); talk(t, "HELP", "help me")
    t.log("lost|warning|reject|disconnect", drop=("localhost", "postfix/local"))
