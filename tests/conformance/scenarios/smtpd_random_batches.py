"""Several commands in one packet, in random order: what is answered, what ends the session, what the log calls it."""
import pathlib, socket, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from chance import *

POOL = ["MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<nobody@example.test>", "RCPT TO:<u@far.example>", "RSET", "NOOP", "VRFY alice", "MAIL FROM:<b@z.example> SIZE=99999999", "BOGUS", "EHLO x", "HELO y"]


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", smtpd_client_connection_count_limit="0", smtpd_forbid_unauth_pipelining="no")
    pipe, word = ports(t, {"smtpd_forbid_unauth_pipelining": "yes"}, {"smtpd_data_restrictions": "reject_unauth_pipelining", "smtpd_recipient_restrictions": "reject_unauth_pipelining, permit"}); t.start(); r = Chance(2)
    for i in range(80):
        s = t.smtp(src=STRANGER, dst=ME, port=(25, pipe, word)[i % 3], quiet=True)
        if r.maybe(.85): ask(s, r.choice(["EHLO c.example", "EHLO c.example", "HELO c.example"]))
        batch = r.some(POOL, 1, 5) + (["DATA"] if r.maybe(.5) else []); tail = r.choice(["", "", "Subject: x\r\n\r\nx\r\n.\r\n", "QUIT\r\n"])
        text = "".join(c + "\r\n" for c in batch) + tail; s.s.sendall(text.encode()); s.s.settimeout(2); out = []
        if batch[-1] == "DATA" and not tail.startswith("Subject"): tail = ""
        try: s.s.shutdown(socket.SHUT_WR)
        except OSError: pass
        while True:
            try: out.append(s.line())
            except (EOFError, ConnectionResetError): out.append("(closed)"); break
            except OSError: out.append("(silent)"); break
        s.close(); t.note(f"{i}: {text!r}"); t.note("   " + " | ".join(o.split(" queued")[0] for o in out if not o.startswith("250-")))
    without_numbers(t); t.drain(30); t.log("smtpd: .*(pipelining|reject|warning|sync)", drop=("localhost",))
