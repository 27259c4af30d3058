"""Helpers for the scenarios about cleanup and address resolution: everything goes to one scripted next hop."""
import re

HOP = "203.0.113.17"
STRANGER, ME = "198.51.100.7", "192.0.2.1"


def catch(t, **more):
    """All mail, local mail too, goes to one next hop; returns it. SIZE is not offered: it would tell how long our queue IDs are."""
    to = f"smtp:[{HOP}]"
    settings = dict(local_transport=to, virtual_transport=to, relay_transport=to, default_transport=to, local_recipient_maps="", smtp_connection_cache_on_demand="no",
                    smtp_destination_recipient_limit="50", local_destination_recipient_limit="50")
    t.main(**{**settings, **more})
    return t.sink(HOP, name="hop", ehlo=("PIPELINING", "8BITMIME"))


def message(*fields, body="text"):
    return "\n".join(fields) + "\n\n" + body + "\n"


FULL = ("From: f@z.example", "To: t@z.example", "Date: Mon, 1 Jan 2024 00:00:00 +0000", "Message-Id: <one@z.example>")


def once(t, *patterns):
    """Log lines that match, each only once: how often they come depends on who asks."""
    t.note("\n".join(sorted({"log: " + t.norm(l) for l in t.logs if any(re.search(p, l) for p in patterns)})) or "log: nothing")


def sizes(t):
    """How much larger each message in the hold queue is than the smallest one, by sender."""
    rows = {q["sender"]: q["message_size"] for q in t.queue() if q["queue_name"] == "hold"}
    least = min(rows.values(), default=0)
    for sender in sorted(rows): t.note(f"{sender}: +{rows[sender] - least}")
