"""milter_connect_timeout, milter_command_timeout, milter_content_timeout; milter_data_macros and milter_end_of_data_macros; internal_mail_filter_classes: notices that milters and checks see."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    slow = {n: Milter(f"127.0.0.1:{4000 + i}", answers={n: None}) for i, n in enumerate(("connect", "helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom"))}
    full = Milter("127.0.0.1:4100", macros=True); non = Milter("127.0.0.1:4101", macros=True, answers={"eom": [add("X-Milter", "seen"), ("c", b"")]})
    t.main(milter_command_timeout="1s", milter_content_timeout="2s", milter_connect_timeout="1s", milter_data_macros="i {rcpt_addr} {auth_type} j", milter_end_of_data_macros="i {mail_addr} {daemon_name}", milter_end_of_header_macros="i j", milter_unknown_command_macros="j", smtpd_hard_error_limit="1000", smtpd_client_connection_count_limit="0")
    P = ports(t, *[{"smtpd_milters": f"inet:127.0.0.1:{4000 + i}", "milter_default_action": "tempfail" if i % 2 else "accept"} for i in range(9)], {"smtpd_milters": "inet:127.0.0.1:4100"}); t.start()
    for (n, m), p in zip([*slow.items(), ("none", full)], P):
        t.title(n); s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); out = []
        for c in ("EHLO client.example.org", "BOGUS", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "DATA"): out.append(ask(s, c)[:60].split(" / ")[0])
        if out[-1].startswith("354"): out.append(quietly(t, s, "Subject: x\n\nbody\n").split(" queued")[0])
        t.note(" | ".join(out)); ask(s, "QUIT"); s.close()
    t.drain(); full.note(t); t.log("milter", drop=("localhost", "milter-reject: UNKNOWN")); t.logs.clear()
    t.file("hc", "/^Subject: Undelivered/ WARN notice\n"); t.file("bc", "/said|unknown user/ WARN body\n")
    for classes in ("", "bounce", "notify", "bounce, notify", "nonsense"):
        t.title(f"internal_mail_filter_classes={classes}"); t.main(internal_mail_filter_classes=classes, non_smtpd_milters="inet:127.0.0.1:4101", header_checks="regexp:/etc/postfix/hc", body_checks="regexp:/etc/postfix/bc", notify_classes="resource, software, bounce"); t.reload(); t.logs.clear(); non.sessions.clear()
        t.sendmail("-f alice nobody@example.test", "Subject: x\n\nx\n"); t.drain(); t.note(f"milter sessions: {len(non.sessions)}"); t.log("cleanup.*(warning|milter|fatal)|milter")
    t.sh("cat /var/mail/alice 2>/dev/null | grep -c X-Milter"); t.sh("cat /var/mail/root 2>/dev/null | grep -c X-Milter")
