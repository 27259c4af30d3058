"""Every action of access(5) in each stage's list: replies, log lines, what becomes of the message, and what the actions mean together."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


ACTIONS = {"ok": "OK", "num": "9", "dunno": "DUNNO", "rej": "REJECT", "rejt": "REJECT go away", "def": "DEFER", "deft": "DEFER 4.7.5 later", "dip": "DEFER_IF_PERMIT", "dipt": "DEFER_IF_PERMIT not yet", "dir": "DEFER_IF_REJECT", "c550": "550 plain", "c451": "451 4.3.9 with status", "c521": "521 5.7.8 bye", "c421": "421 4.7.8 bye", "hold": "HOLD", "holdt": "HOLD look at it",
           "disc": "DISCARD", "disct": "DISCARD quietly", "filt": "FILTER discard:", "filtbad": "FILTER nonsense", "red": "REDIRECT bob@example.test", "redbad": "REDIRECT nowhere", "prep": "PREPEND X-Access: yes", "prepbad": "PREPEND nonsense", "prepno": "PREPEND", "bcc": "BCC carol@example.test", "bccbad": "BCC carol", "info": "INFO noted", "warn": "WARN be warned", "warnno": "WARN",
           "rejcode": "REJECT 4.7.1 soft in hard", "cshort": "55 x", "empty": " ", "lower": "reject in lower case", "c200": "250 fine"}


def run(t):
    t.file("acc", "".join(f"{k}@z.example {v}\n" for k, v in ACTIONS.items()))
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", in_flow_delay="0")
    stages = ("client", "helo", "sender", "recipient", "data", "end_of_data")
    P = dict(zip(stages, ports(t, *[{f"smtpd_{s}_restrictions": "check_sender_access texthash:/etc/postfix/acc"} for s in stages]))); t.start()
    for stage in stages:
        t.title(stage)
        for k in ACTIONS:
            if stage in ("client", "helo") and k not in ("ok", "rejt", "dip", "dir", "hold", "disc", "prep", "red", "c421", "c521"): continue
            s = t.smtp(src=STRANGER, dst=ME, port=P[stage], quiet=True); ask(s, "EHLO c.example"); out = []
            for c in (f"MAIL FROM:<{k}@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<x@far.example>", "DATA"):
                out.append(ask(s, c))
                if "(closed)" in out[-1]: break
            if out[-1][:3] == "354": out[-1] = quietly(t, s, f"Subject: {stage} {k}\n\nx\n").split(" queued")[0]
            t.note(f"{k}: " + " | ".join(out[1:])); ask(s, "QUIT"); s.close()
    t.drain(); t.mail("alice", headers=("subject", "x-access")); t.mail("bob", headers=("subject",)); t.mail("carol", headers=("subject",))
    for row in sorted(f"{q['queue_name']} {q['sender']} {len(q['recipients'])}" for q in t.queue()): t.note(row)
    t.log("reject|warning|smtpd.*(hold|discard|filter|redirect|prepend|bcc|info|warn):", drop=("localhost", "expected format", "postfix/local"))
