"""Address verification by parameters: codes, reasons, temporary failures, sender, routes of their own, caches in memory, in a file and none at all, what the agents say, a probe that takes long."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward, re


def ask(t, what, *recipients, sender="s@example.org", **kw):
    t.title(what)
    if kw: t.main(**kw); t.reload()
    t.logs.clear(); s = t.smtp(quiet=True); s.cmd("EHLO client.example.org")
    t.note("MAIL " + s.cmd(f"MAIL FROM:<{sender}>"))
    for r in recipients: t.note(f"RCPT {r} " + s.cmd(f"RCPT TO:<{r}>"))
    s.cmd("QUIT"); s.close(); t.drain(); t.log("verify|deliverable|reject|connect to transport|required alias|fatal|error:")


def run(t):
    onward.steady(t)
    rcpt = "reject_unverified_recipient, permit"
    t.main(relay_domains="$transport_maps", smtpd_recipient_restrictions=rcpt, address_verify_poll_count="2", address_verify_poll_delay="1s", address_verify_map="", smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination",
           virtual_mailbox_domains="v.test", virtual_mailbox_maps="inline:{{a@v.test=a}}", virtual_mailbox_base="/var/vmail", virtual_uid_maps="static:972", virtual_gid_maps="static:972", smtpd_reject_unlisted_recipient="no", local_recipient_maps="")
    onward.servers(t, {"ok": {}, "no": {"RCPT": "550 5.1.1 no such user"}, "later": {"RCPT": "450 4.2.0 greylisted"}})
    t.file("tr", pathlib.Path("/etc/postfix/tr").read_text() + "e.example error:5.1.2 not here\nr.example retry:4.1.2 not now\nd.example discard:\np.example pipe:x\nnull.example nosuch:\n")
    t.master("pipe unix - n n - - pipe\n  user=nobody argv=/bin/cat")
    t.start()
    ask(t, "codes", "a@ok.example", "a@no.example", "a@later.example", unverified_recipient_reject_code="550", unverified_recipient_defer_code="451")
    ask(t, "reasons", "a@no.example", "a@later.example", unverified_recipient_reject_reason="Unknown here")
    ask(t, "no refusal", "a@no.example", "a@later.example", unverified_recipient_reject_code="250", unverified_recipient_defer_code="250")
    ask(t, "agents", "a@v.test", "b@v.test", "alice@example.test", "nobody-here@example.test", "postmaster@example.test", "a@e.example", "a@r.example", "a@d.example", "a@p.example", "a@null.example", "-x@ok.example", unverified_recipient_reject_code="550", unverified_recipient_defer_code="450", unverified_recipient_reject_reason="")
    ask(t, "at once", "b@later.example", "c@no.example", unverified_recipient_tempfail_action="defer")
    ask(t, "if permitted", "b@later.example", unverified_recipient_tempfail_action="defer_if_permit", smtpd_recipient_restrictions="reject_unverified_recipient, reject")
    ask(t, "warnings", "b@later.example", "c@no.example", smtpd_recipient_restrictions="warn_if_reject reject_unverified_recipient, permit")
    ask(t, "senders", "alice@example.test", sender="s@no.example", smtpd_sender_restrictions="reject_unverified_sender", smtpd_recipient_restrictions="permit", unverified_sender_reject_code="550")
    ask(t, "sender greylisted", "alice@example.test", sender="s@later.example")
    ask(t, "null sender", "alice@example.test", sender="")
    ask(t, "sender exists", "alice@example.test", sender="s@ok.example")
    ask(t, "sender, at MAIL", "alice@example.test", sender="s@no.example", smtpd_delay_reject="no")
