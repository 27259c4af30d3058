"""Limits on clients and who is excepted from them: lists, nets, tables, names; recipient, message, connection and TLS limits at zero; the names that the log has for clients and services."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.dns("11.113.0.203.in-addr.arpa", "PTR", "big.mailer.example"); t.dns("big.mailer.example", "A", "203.0.113.11"); t.file("ex", "203.0.113.12 yes\n"); t.file("ex.cidr", "203.0.113.13/32 yes\n")
    t.main(smtpd_client_event_limit_exceptions="$mynetworks, .mailer.example, texthash:/etc/postfix/ex, cidr:/etc/postfix/ex.cidr, 203.0.113.14/31, !203.0.113.16, 203.0.113.0/29", smtpd_hard_error_limit="1000")
    P = ports(t, {"smtpd_client_message_rate_limit": "1", "smtpd_client_recipient_rate_limit": "2"}, {"smtpd_client_connection_rate_limit": "1", "smtpd_client_connection_count_limit": "1"}, {"smtpd_client_message_rate_limit": "0", "smtpd_client_recipient_rate_limit": "0", "smtpd_client_connection_count_limit": "0"}, {"smtpd_client_message_rate_limit": "1", "smtpd_client_event_limit_exceptions": "static:all"}, {"smtpd_client_message_rate_limit": "1", "smtpd_client_event_limit_exceptions": ""}); t.start()
    for i in (10, 11, 12, 13, 14, 15, 16, 17):
        s = t.smtp(src=f"203.0.113.{i}", dst=ME, port=P[0], quiet=True); ask(s, "EHLO c.example"); out = [ask(s, c) for c in ("MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<bob@example.test>", "RCPT TO:<carol@example.test>", "RSET", "MAIL FROM:<b@z.example>", "VRFY alice")]; ask(s, "QUIT"); s.close()
        t.note(f"{i}: " + " | ".join(o for o in out if o[0] != "2") + " .")
        a = t.smtp(src=f"203.0.113.{i}", dst=ME, port=P[1], quiet=True, greet=False); x = a.line(); b = t.smtp(src=f"203.0.113.{i}", dst=ME, port=P[1], quiet=True, greet=False); y = b.line(); t.note(f"  {x[:40]} | {y[:90]}"); ask(a, "QUIT"); a.close(); b.close()
    for p in P[2:]: t.title(f"port {p}"); talk(t, *["MAIL FROM:<a@z.example>", "RSET"] * 3, port=p)
    t.log("limit exceeded", drop=("localhost",))
