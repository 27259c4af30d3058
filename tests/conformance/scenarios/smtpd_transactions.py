"""What one transaction leaves for the next: HOLD, PREPEND, BCC, FILTER, DISCARD and deferrals after RSET, HELO, EHLO, refused recipients, refused content and a finished message; in DATA and BDAT."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    acts = {"hold": "HOLD leak", "prep": "PREPEND X-Leak: yes", "bcc": "BCC carol@example.test", "filt": "FILTER discard:", "disc": "DISCARD leak", "red": "REDIRECT dave@example.test", "dip": "DEFER_IF_PERMIT leak", "dir": "DEFER_IF_REJECT leak"}
    t.file("s", "".join(f"{k}@z.example {v}\n" for k, v in acts.items())); t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_sender_restrictions="check_sender_access texthash:/etc/postfix/s", message_size_limit="2000", smtpd_end_of_data_restrictions="check_recipient_access inline:{bob@example.test=REJECT}")
    P = ports(t, {}, {"smtpd_delay_reject": "no"}); t.start()
    ends = {"rset": ["RSET"], "ehlo": ["EHLO again.example"], "helo": ["HELO again.example"], "too big": ["DATA", b"Subject: big\r\n" + b"x: y\r\n" * 500 + b".\r\n"], "data": ["DATA", b"Subject: first\r\n\r\nx\r\n.\r\n"], "bdat": [b"BDAT 18\r\nSubject: first\r\n\r\n", "RSET"], "bdat error": ["BDAT 99999", "RSET"], "eod": ["RCPT TO:<bob@example.test>", "DATA", b"Subject: refused\r\n\r\nx\r\n.\r\n"], "nested": ["MAIL FROM:<other@z.example>", "RSET"]}
    for p in P:
        for how, commands in ends.items():
            for k in acts:
                if p == P[1] and how not in ("rset", "ehlo", "data"): continue
                if how == "bdat error": commands = [b"BDAT 2500\r\n" + b"x" * 2500, "RSET"]
                s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); out = [ask(s, f"MAIL FROM:<{k}@z.example>"), ask(s, "RCPT TO:<alice@example.test>"), ask(s, "RCPT TO:<u@far.example>")]
                for c in commands: out.append(ask(s, c).split(" queued")[0].split(" / ")[0])
                for c in ("DATA", "MAIL FROM:<clean@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<u@far.example>", "DATA"): out.append(ask(s, c).split(" queued")[0])
                if out[-1][:3] == "354": out.append(ask(s, f"Subject: {p} {how} {k}\r\n\r\nx\r\n.".encode() + b"\r\n").split(" queued")[0])
                ask(s, "QUIT"); s.close(); t.note(f"{p} {how} {k}: " + " | ".join(o[:60] for o in out[len(out) - 6:]))
    t.drain(timeout=30); t.mail("alice", headers=("subject", "x-leak")); t.mail("carol", headers=("subject",)); t.mail("dave", headers=("subject",))
    for row in sorted(f"{q['queue_name']} {q['sender']}" for q in t.queue()): t.note(row)
