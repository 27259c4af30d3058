"""soft_bounce in each place: what would be refused or returned waits."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting
from agents import heads


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT bad": "550 5.1.1 no such user", ".": "554 5.7.1 not this"})
    t.file("transport", "err.example error:5.1.6 has moved\nvirt.example virtual\nprog.example prog\n"); t.file("aliases", "fails \"|exit 67\"\n")
    t.master("prog unix - n n - - pipe\n  user=vmail argv=/bin/sh -c {exit 69}")
    t.main(soft_bounce="yes", local_recipient_maps="", transport_maps="texthash:/etc/postfix/transport", virtual_mailbox_domains="virt.example", virtual_mailbox_base="/var/vmail", virtual_uid_maps="static:972", virtual_gid_maps="static:972", smtpd_reject_unlisted_recipient="no", smtpd_recipient_restrictions="permit_mynetworks, reject")
    t.start()
    t.send("alice@example.test", ["ghost@example.test", "fails@example.test", "bad@far.example", "u@far.example", "u@err.example", "u@virt.example", "u@prog.example", "u@nowhere.example"]); t.drain()
    t.log("status=", "notification", "warning"); t.showq(); t.mail("alice")
    t.title("off again"); t.main(soft_bounce="no"); t.reload(); t.logs.clear(); t.sh("postqueue -f"); t.drain(); t.log("status=", "notification"); heads(t, "alice", headers=("subject",)); t.showq()
