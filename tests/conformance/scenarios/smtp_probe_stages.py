"""smtp_address_verify_target: what a server hears of an address probe that ends after RCPT or after DATA, and refusals there."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); reply = {"rcptno": {"RCPT": "550 5.1.1 nobody"}, "datano": {"DATA": "554 5.6.0 not today"}, "datalater": {"DATA": "451 4.3.0 later"}, "dotno": {".": "554 5.6.0 bad content"}}
    table = {f"{s}{n}": ({"smtp_address_verify_target": s}, {"script": r}) for s in ("rcpt", "data") for n, r in [("ok", {}), *reply.items()]}
    table["wrong"] = {"smtp_address_verify_target": "helo"}
    t.main(relay_domains="$transport_maps", smtpd_recipient_restrictions="reject_unverified_recipient, permit", smtpd_relay_restrictions="permit_mynetworks, defer_unauth_destination", address_verify_poll_count="3", address_verify_poll_delay="1s", address_verify_map="")
    servers = onward.ways(t, table); t.start()
    s = t.smtp(); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<s@example.org>")
    for n in table: s.cmd(f"RCPT TO:<a@{n}.example>") if n != "wrong" else None
    s.cmd("QUIT"); s.close(); t.drain(); onward.said(t, servers); t.log("status=|warning|fatal")
