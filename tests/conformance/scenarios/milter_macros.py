"""Which macros a milter gets at which stage: the default lists, lists of our own, milter_macro_defaults, milter_macro_daemon_name and milter_macro_v, per-service names."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


def run(t):
    m = Milter("127.0.0.1:9941", macros=True); n = Milter("127.0.0.1:9942", macros=True)
    everything = "i, j, _, {auth_authen}, {auth_type}, {client_addr}, {client_connections}, {client_name}, {client_ptr}, {client_resolve}, {daemon_addr}, {daemon_name}, {daemon_port}, {if_name}, {mail_addr}, {mail_host}, {mail_mailer}, {rcpt_addr}, {rcpt_host}, {rcpt_mailer}, {nonsense}, {extra}"
    lists = {f"milter_{e}_macros": everything for e in ("connect", "helo", "mail", "rcpt", "data", "end_of_header", "end_of_data", "unknown_command")}
    P = ports(t, {"smtpd_milters": "inet:127.0.0.1:9941"}, dict(lists, smtpd_milters="inet:127.0.0.1:9942", milter_macro_daemon_name="ORIGINATING", milter_macro_defaults="{extra}=given, {nonsense}=some"))
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", STRANGER)
    t.main(virtual_alias_maps="inline:{v@example.test=alice}", transport_maps="inline:{{far.example=error:5.1.1 closed}}"); t.start()
    for p in P:
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True)
        for c in ("EHLO c.example", "MAIL FROM:<a+x@z.example> SIZE=10 BODY=8BITMIME", "RCPT TO:<v@example.test>", "RCPT TO:<alice@[192.0.2.1]> NOTIFY=NEVER", "FOO bar", "DATA"): r = ask(s, c)
        t.note(quietly(t, s, f"Subject: {p}\n\nx\n").split(" queued")[0]); t.note(ask(s, "MAIL FROM:<>")); ask(s, "QUIT"); s.close(); time.sleep(0.2)
    t.drain(); m.note(t, t.norm); n.note(t, t.norm)
