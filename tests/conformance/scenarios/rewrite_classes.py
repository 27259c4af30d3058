"""Address classes: local, virtual alias, virtual mailbox, relay, default; domains in two of them; unknown users; transports named empty."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.file("v", "known@va.example someone@z.example\nalso.va.example anything\nx@also.va.example y@z.example\n"); t.file("vm", "box@vm.example box\n"); t.file("rr", "ok@relay.example x\n")
    hop = catch(t, virtual_alias_domains="va.example, both1.example, also.va.example", virtual_alias_maps="texthash:/etc/postfix/v", virtual_mailbox_domains="vm.example, both2.example both1.example", virtual_mailbox_maps="texthash:/etc/postfix/vm",
                relay_domains="relay.example, both2.example", relay_recipient_maps="texthash:/etc/postfix/rr", mydestination="$myhostname, $mydomain, localhost, both3.example")
    t.start()
    def ask(*to, src=STRANGER):
        for a in to:
            s = t.smtp(src=src, dst=ME, quiet=True); s.cmd("EHLO c"); s.cmd("MAIL FROM:<s@z.example>"); t.note(f"{a} -> {s.cmd(f'RCPT TO:<{a}>')}"); s.cmd("QUIT"); s.close()
    ask("bob@example.test", "bob@localhost", "bob@[192.0.2.1]", "known@va.example", "unknown@va.example", "box@vm.example", "nobox@vm.example", "ok@relay.example", "no@relay.example", "x@sub.relay.example", "x@elsewhere.example", "known%va.example@example.test", "x%elsewhere.example@example.test", "x@elsewhere.example@example.test", "a@both1.example", "a@both2.example", "bob", "bob@sub.va.example")
    t.main(virtual_alias_domains="va.example, both3.example", smtpd_reject_unlisted_recipient="no"); t.reload()
    ask("unknown@va.example", "nobox@vm.example", "bob@both3.example")
    t.send("s@z.example", ["unknown@va.example", "bob@both3.example", "box@vm.example", "x@y.relay.example"], message(*FULL)); t.drain(); hop.note(messages=False)
    t.main(show_user_unknown_table_name="no"); t.reload(); ask("unknown@va.example"); t.send("s@z.example", "unknown@va.example", message(*FULL)); t.drain()
    t.log("to=<.*status="); once(t, "BOTH")
