"""Several verdicts on one message: access tables, header checks and body checks that hold, discard, redirect, add, filter and refuse at once; which of them counts."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *
from doors import *


PAIRS = [("hold", "redirect"), ("hold", "filter"), ("hold", "reject"), ("discard", "reject"), ("reject", "discard"), ("redirect", "redirect2"), ("filter", "filter2"), ("redirect", "bcc"), ("bcc", "bcc2"), ("warn", "reject"), ("prepend", "ignore"), ("discard", "hold"), ("pass", "hold"), ("replace", "warn")]


def run(t):
    acts = {"hold": "HOLD by", "redirect": "REDIRECT one@z.example", "redirect2": "REDIRECT two@z.example", "filter": "FILTER smtp:[203.0.113.17]", "filter2": "FILTER discard:", "reject": "REJECT no", "discard": "DISCARD by", "bcc": "BCC extra@z.example", "bcc2": "BCC again@z.example", "warn": "WARN by", "prepend": "PREPEND X-Pre: 1", "ignore": "IGNORE", "pass": "PASS", "replace": "REPLACE X-Rep: 1"}
    t.file("h.re", "".join(f"/^X-{k}:/ {v} header\n" if k in ("hold", "reject", "discard", "warn") else f"/^X-{k}:/ {v}\n" for k, v in acts.items()))
    t.file("b.re", "".join(f"/^body {k}$/ {v}\n" for k, v in acts.items()))
    t.file("acc", "".join(f"{k}@acc.example {v}\n" for k, v in acts.items() if k not in ("ignore", "pass", "replace", "reject")))
    hop = catch(t, header_checks="regexp:/etc/postfix/h.re", body_checks="regexp:/etc/postfix/b.re", smtpd_sender_restrictions="check_sender_access texthash:/etc/postfix/acc", smtpd_relay_restrictions="permit"); t.main(smtpd_relay_restrictions="permit_mynetworks, reject"); t.start()
    n = 0
    def go(what, frm, content):
        nonlocal n; n += 1
        r = mail(t, f"Subject: n{n} {what}\n{content}", frm=frm, to=["r@z.example", "s@z.example"], src="127.0.0.1"); t.note(f"{n} {what}: {r.split(' queued')[0]}")
    for a, b in PAIRS:
        go(f"header {a}, header {b}", "f@z.example", f"X-{a}: x\nX-{b}: x\n\ntext\n"); go(f"header {a}, body {b}", "f@z.example", f"X-{a}: x\n\nbody {b}\nend\n"); go(f"body {a}, body {b}", "f@z.example", f"\nbody {a}\nbody {b}\nend\n")
        if a not in ("pass", "reject", "replace"): go(f"access {a}, header {b}", f"{a}@acc.example", f"X-{b}: x\n\ntext\n")
    t.drain()
    for m in sorted(hop.messages, key=lambda m: int(m.split(b"Subject: n")[1].split()[0])):
        text = m.decode().replace("\r\n", "\n"); t.note(text.split("Subject: ")[1].split("\n")[0] + " -> " + " ".join(sorted(l.split("<")[1].rstrip(">") for l in text.split("\n") if l.startswith("RCPT"))) + " " + " ".join(l for l in text.split("\n") if l.startswith("X-")))
    for row in sorted(f"{q['queue_name']} {q['sender']} {len(q['recipients'])}" for q in t.queue()): t.note(row)
    once(t, "cleanup.*(reject|discard|hold|warning|redirect|bcc|filter)")
