"""Address verification of recipients and senders: deliverable, bounced, deferred, silent hosts, unknown domains; what is remembered, and what the log says."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward, re


def run(t):
    onward.steady(t)
    t.main(relay_domains="$transport_maps", smtpd_recipient_restrictions="reject_unverified_recipient, permit", smtpd_relay_restrictions="permit_mynetworks, defer_unauth_destination", address_verify_poll_count="3", address_verify_poll_delay="1s", virtual_alias_maps="inline:{{one@example.test=alice} {two@example.test=alice,bob} {ext@example.test=u@ok.example}}", address_verify_map="")
    onward.servers(t, {"ok": {}, "no": {"RCPT": "550 5.1.1 no such user"}, "later": {"RCPT": "450 4.2.0 greylisted"}, "mail": {"MAIL": "554 5.7.1 go away"}})
    t.start()
    s = t.smtp(); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<s@example.org>")
    for r in ("a@ok.example", "a@no.example", "a@later.example", "a@mail.example", "a@nodomain.example", "alice@example.test", "nobody@example.test", "one@example.test", "two@example.test", "ext@example.test", "double-bounce@example.test", "A@OK.example", "a@no.example", "a@later.example"): s.cmd(f"RCPT TO:<{r}>")
    s.cmd("QUIT"); s.close(); t.drain(); t.log(".*"); t.queue()
