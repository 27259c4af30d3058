"""One message, and everything that can become of its recipients: one notice for all that failed, another for what expired, success reports beside them."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import re
import waiting
from agents import heads


def run(t):
    waiting.calm(t)
    far = onward.site(t, "far.example", "203.0.113.10", script={"RCPT no@far.example": "550 5.1.1 nobody", "RCPT later@far.example": "450 4.2.0 later"})
    t.file("five.sh", "cat >/dev/null; echo 5.7.1 go away; exit 1\n"); t.file("four.sh", "cat >/dev/null; exit 75\n")
    t.master("fails unix - n n - - pipe user=alice argv=/bin/sh /etc/postfix/five.sh\nwaits unix - n n - - pipe user=alice argv=/bin/sh /etc/postfix/four.sh")
    t.main(local_recipient_maps="", transport_maps="texthash:/etc/postfix/tr", maximal_queue_lifetime="0", bounce_queue_lifetime="0"); t.file("tr", "pipe5.example fails:\npipe4.example waits:\nerror.example error:5.1.2 gone for good\nretry.example retry:4.4.4 come back\n")
    t.file("aliases", "bob no@far.example, carol\nlist later@far.example, ghost2\nowner-list dave\n"); t.start()
    s = t.smtp(quiet=True); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<alice@example.test> RET=HDRS ENVID=all")
    for to in ("yes@far.example NOTIFY=SUCCESS", "no@far.example", "later@far.example", "u@pipe5.example", "u@pipe4.example", "u@error.example", "u@retry.example NOTIFY=NEVER", "ghost@example.test ORCPT=rfc822;other@old.example", "bob@example.test NOTIFY=FAILURE", "list@example.test"):
        a, _, more = to.partition(" "); s.cmd(f"RCPT TO:<{a}> {more}".rstrip())
    s.cmd("DATA"); s.data("Subject: all kinds\n\nhello\n"); s.cmd("QUIT"); s.close(); t.drain()
    t.log("status=", "notification", "expired"); heads(t, "alice", "dave", headers=("from", "to", "subject", "content-type")); reports(t, "alice"); reports(t, "dave"); t.showq()


def reports(t, who):
    """Who is named in which notice, with action and status; their order is a matter of timing."""
    rows = []
    for m in re.split(r"(?m)^From (?=\S+  \w{3} \w{3} )", pathlib.Path(f"/var/mail/{who}").read_text()):
        found = re.findall(r"Final-Recipient: rfc822; (\S+)\n(?:Original-Recipient: (\S+)\n)?Action: (\w+)\nStatus: (\S+)", m)
        if found: rows.append(f"{who}: " + "; ".join(" ".join(x) for x in sorted(found)))
    for r in sorted(rows): t.note(r)
