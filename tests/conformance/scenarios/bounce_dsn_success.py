"""NOTIFY=SUCCESS through everything that can happen to a recipient: alias, owner alias, .forward, command, file, pipe with and without X, virtual, virtual alias, LMTP, discard, error, relay without DSN."""
import os, pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting
from agents import home


def run(t):
    waiting.calm(t)
    waiting.site(t, "dsn.example", "203.0.113.10", ehlo=("PIPELINING", "DSN")); waiting.site(t, "plain.example", "203.0.113.11")
    t.sink("203.0.113.12", 24, name="lmtp.example", lmtp=True)
    t.file("aliases", "team bob, carol\nowner-list dave\nlist bob, u@plain.example\ncmd \"|cat >/dev/null\"\nfile /tmp/file\none bob\n"); home(t, "carol", ".forward", "u@dsn.example\n")
    t.file("transport", "virt.example virtual\nprog.example prog\nprogx.example progx\nlmtp.example lmtp:inet:203.0.113.12:24\ndisc.example discard:gone\nerr.example error:5.7.1 no\n")
    t.master("prog unix - n n - - pipe\n  user=vmail argv=/bin/cat\nprogx unix - n n - - pipe\n  flags=X user=vmail argv=/bin/cat")
    t.main(transport_maps="texthash:/etc/postfix/transport", virtual_mailbox_domains="virt.example", virtual_mailbox_base="/var/vmail", virtual_mailbox_maps="inline:{u@virt.example=u}", virtual_uid_maps="static:972", virtual_gid_maps="static:972", virtual_alias_domains="al.example", virtual_alias_maps="inline:{ {two@al.example=bob@example.test u@plain.example}, {one@al.example=bob@example.test} }",
           smtpd_recipient_restrictions="permit_mynetworks, reject", lmtp_host_lookup="dns")
    t.start()
    for to in ("team@example.test", "list@example.test", "one@example.test", "carol@example.test", "cmd@example.test", "file@example.test", "u@prog.example", "u@progx.example", "u@virt.example", "two@al.example", "one@al.example", "u@lmtp.example", "u@disc.example", "u@err.example", "u@dsn.example", "u@plain.example"):
        t.title(to); s = t.smtp(quiet=True); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<alice@example.test> RET=HDRS"); s.cmd(f"RCPT TO:<{to}> NOTIFY=SUCCESS ORCPT=rfc822;orig@{to.split('@')[1]}"); s.cmd("DATA"); s.data("Subject: hi\nMessage-ID: <1@x>\n\nhello\n"); s.cmd("QUIT"); s.close(); t.drain()
        t.mail("alice", headers={"subject"}); t.sh("rm -f /var/mail/*", quiet=True); t.log("status=", "notification", drop=("from=<>",)); t.logs.clear()
