"""Delivery status filters of local, virtual, pipe, smtp and lmtp: success and failure reworded, bounce into delay and back, results that are refused, a table that fails."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from agents import *
import onward

RULES = """/^2\\.0\\.0 delivered to mailbox/ 2.1.5 into the box
/^5\\.1\\.1 unknown user/ 4.1.1 perhaps tomorrow
/^5\\.1\\.1 mailbox unavailable/ 5.1.2 nobody of that name
/^5\\.3\\.0 no.$/ 2.0.0 not this way
/^4\\.3\\.0 table lookup failure/ 5.3.0 never mind
/delivered via (\\w+) service/ 2.6.6 by $1
/^2\\.0\\.0 delivered to maildir/ nonsense
/^5\\.5\\.0 host hop/ 4.5.0
/250 .*queued/ 2.0.0 over there
"""


def run(t):
    plain(t)
    t.file("f", RULES); f = "regexp:/etc/postfix/f"
    hop = t.sink("203.0.113.17", name="hop", script={"RCPT no@far.test": "550 5.5.0 no"})
    t.main(virtual_mailbox_domains="box.test", virtual_mailbox_base="/var/vmail", virtual_mailbox_maps="inline:{ok@box.test=ok/, file@box.test=file}", virtual_uid_maps="static:972", virtual_gid_maps="static:972", virtual_mailbox_limit="0", default_delivery_status_filter=f, transport_maps="inline:{piped.test=piped:, plain.test=plain:, far.test=smtp:[203.0.113.17], lm.test=lmtp:inet:[203.0.113.17]:25}")
    script(t, "/usr/local/bin/rc", 'exit $1')
    t.master("piped unix - n n - - pipe\n  user=vmail argv=/usr/local/bin/rc ${user}\nplain unix - n n - - pipe\n  -o pipe_delivery_status_filter=\n  user=vmail argv=/usr/local/bin/rc ${user}")
    services(t, "local", {"fails": dict(local_delivery_status_filter="fail:x"), "off": dict(local_delivery_status_filter=""), "maps": dict(mailbox_command_maps="fail:x")})
    t.main(transport_maps="inline:{piped.test=piped:, plain.test=plain:, far.test=smtp:[203.0.113.17], fails.v.test=fails:, off.v.test=off:, maps.v.test=maps:}", local_recipient_maps="", mydestination="$myhostname, $mydomain, fails.v.test, off.v.test, maps.v.test")
    t.start()
    for rcpts in (("alice", "nobody-here"), ("alice@fails.v.test", "nobody@fails.v.test", "alice@off.v.test", "nobody@off.v.test", "alice@maps.v.test"),
                  ("ok@box.test", "file@box.test", "none@box.test"), ("0@piped.test", "1@piped.test", "67@piped.test", "75@piped.test", "0@plain.test", "67@plain.test"), ("yes@far.test", "no@far.test")):
        t.title(" ".join(rcpts)); each(t, "alice@example.test", *rcpts); t.log(r"status=", r"filter", drop=(r"orig_to|from=<>", r"to=<alice@example.test>.*into the box")); t.logs.clear()
    t.showq()
