"""Tables that fail while the recipients of a message are resolved, and on the way out: mail waits and nothing is returned."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10")
    t.start()
    for name in ("transport_maps", "sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps"):
        t.title(name); t.sh("cp /etc/postfix/main.cf /etc/postfix/saved", quiet=True)
        t.main(**{name: "fail:broken"}, smtpd_reject_unlisted_recipient="no", smtpd_recipient_restrictions="permit_mynetworks, reject", smtpd_relay_restrictions="permit_mynetworks, reject", local_recipient_maps=""); t.reload(); t.logs.clear()
        waiting.inject(t, "alice@example.test", "bob@example.test ghost@example.test u@far.example"); t.drain()
        t.log("status=", "notification", drop=("to=<alice",)); t.showq(); t.sh("cp /etc/postfix/saved /etc/postfix/main.cf; postsuper -d ALL >/dev/null 2>&1; rm -f /var/mail/*", quiet=True)
        t.sh("rm -f /var/spool/postfix/maildrop/*", quiet=True)
