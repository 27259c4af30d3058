"""Probes with transports of their own: address_verify_default_transport, _relay_transport, _virtual_transport, _local_transport, _relayhost, _transport_maps, _sender_dependent_*; address_verify_target."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    probe = t.sink("203.0.113.12", name="probe", script={"RCPT bad@relay.example": "550 5.1.1 no such", "RCPT bad@virtual.example": "550 5.1.1 no such", "RCPT bad@far.example": "450 4.1.1 later"}); ports_ = {"p": "smtp:[203.0.113.12]"}
    t.main(relay_domains="relay.example", virtual_mailbox_domains="virtual.example", virtual_mailbox_maps="static:x", smtpd_recipient_restrictions="reject_unverified_recipient", address_verify_poll_count="3", address_verify_poll_delay="1s", default_transport="retry:no", relay_transport="retry:no", virtual_transport="retry:no", address_verify_map="", relayhost="[203.0.113.19]", smtpd_hard_error_limit="1000",
           address_verify_relay_transport="smtp:[203.0.113.12]", address_verify_virtual_transport="smtp:[203.0.113.12]", address_verify_default_transport="smtp:[203.0.113.12]", address_verify_local_transport="smtp:[203.0.113.12]", address_verify_relayhost="", mynetworks="198.51.100.7")
    t.start(); t.title("transports"); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<good@relay.example>", "RCPT TO:<bad@relay.example>", "RCPT TO:<good@virtual.example>", "RCPT TO:<bad@virtual.example>", "RCPT TO:<good@far.example>", "RCPT TO:<bad@far.example>", "RCPT TO:<alice@example.test>")
    t.note("\n".join(sorted(l for s in probe.sessions for l in s if l[:4] in ("MAIL", "RCPT", "DATA")))); probe.sessions.clear()
    t.title("sender dependent"); t.main(address_verify_default_transport="smtp", address_verify_sender_dependent_relayhost_maps="inline:{{double-bounce@example.test=[203.0.113.12]}}", address_verify_sender="double-bounce"); t.reload(); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<other@far.example>", "RCPT TO:<bad@far.example>")
    t.note("\n".join(sorted(l for s in probe.sessions for l in s if l[:4] in ("MAIL", "RCPT", "DATA")))); probe.sessions.clear()
    t.title("default transport by sender"); t.main(address_verify_sender_dependent_relayhost_maps="", address_verify_sender_dependent_default_transport_maps="inline:{{double-bounce@example.test=smtp:[203.0.113.12]}}"); t.reload(); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<third@far.example>")
    t.note("\n".join(sorted(l for s in probe.sessions for l in s if l[:4] in ("MAIL", "RCPT", "DATA")))); probe.sessions.clear()
    t.title("transport map and target"); t.main(address_verify_sender_dependent_default_transport_maps="", address_verify_transport_maps="inline:{{far.example=smtp:[203.0.113.12]}}", smtp_address_verify_target="data"); t.reload(); talk(t, "MAIL FROM:<a@z.example>", "RCPT TO:<fourth@far.example>", "RCPT TO:<bad@far.example>")
    t.note("\n".join(sorted(l for s in probe.sessions for l in s if l[:4] in ("MAIL", "RCPT", "DATA"))))
    t.log("reject|warning|deliverable|undeliverable", drop=("localhost", "clock", "time stamps"))
