"""Commands in random order, right and wrong ones, of strangers and of our own clients: the reply to each."""
import pathlib, random, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

SEED, SESSIONS = 1, 110
POOL = ["EHLO client.example.org", "HELO client.example.org", "EHLO", "HELO", "HELO  two words", "EHLO [1.2.3.4]", "ehlo x", "NOOP", "NOOP x", "RSET", "RSET x", "VRFY", "VRFY alice", "VRFY alice bob", "VRFY <nobody@example.test>",
  "ETRN", "ETRN example.test", "ETRN a b", "ETRN @x", "AUTH", "AUTH PLAIN", "STARTTLS", "STARTTLS x", "BOGUS", "  NOOP", "MAIL", "MAIL FROM:", "MAIL FROM:<a@z.example>", "MAIL FROM:<>", "mail from:<b@z.example>", "MAIL FROM: <c@z.example>", "MAIL FROM <d@z.example>", "MAIL FROM:e@z.example",
  "MAIL FROM:<a@z.example> SIZE=100", "MAIL FROM:<a@z.example> SIZE=99999999", "MAIL FROM:<a@z.example> SIZE=x", "MAIL FROM:<a@z.example> BODY=7BIT", "MAIL FROM:<a@z.example> BODY=8BITMIME", "MAIL FROM:<a@z.example> BODY=x", "MAIL FROM:<a@z.example> RET=FULL ENVID=x", "MAIL FROM:<a@z.example> RET=FULL RET=HDRS",
  "MAIL FROM:<a@z.example> FOO=BAR", "MAIL FROM:<a@z.example> AUTH=<>", "MAIL TO:<a@z.example>", "RCPT", "RCPT TO:", "RCPT TO:<alice@example.test>", "RCPT TO:<bob@example.test>", "rcpt to:<nobody@example.test>", "RCPT TO:<u@far.example>", "RCPT TO:<>", "RCPT TO:<alice>", "RCPT TO:<alice@example.test> NOTIFY=NEVER",
  "RCPT TO:<alice@example.test> NOTIFY=NEVER,FAILURE", "RCPT TO:<alice@example.test> ORCPT=rfc822;a@b", "RCPT TO:<alice@example.test> X=Y", "RCPT FROM:<alice@example.test>", "DATA", "DATA x", "BDAT", "BDAT x", "BDAT 0 LAST", "BDAT 4 FIRST", "QUIT x", "XCLIENT NAME=x", "XFORWARD NAME=x", "XFORWARD ADDR=1.2.3.4 HELO=x", "XFORWARD FOO=x",
  "Subject: x", "SEND", "EXPN alice", "TURN", "MAIL FROM:<a@z.example> XVERP", "MAIL FROM:<a@z.example> SMTPUTF8", "MAIL FROM:<ü@z.example> SMTPUTF8", "MAIL FROM:<ü@z.example>", "RCPT TO:<ü@example.test>", "\"NOOP\"", "NOOP \x01\x7f", "VRFY \"a b\"@example.test", "MAIL FROM:<a@z.example>x", "RCPT TO:<alice@example.test> <bob@example.test>"]


def run(t):
    t.main(smtpd_error_sleep_time="0", smtpd_soft_error_limit="1000", smtpd_hard_error_limit="1000", smtpd_junk_command_limit="1000", message_size_limit="100000", smtpd_authorized_xforward_hosts="198.51.100.7", smtpd_client_message_rate_limit="0", notify_classes="")
    t.start(); r = random.Random(SEED)
    for i in range(SESSIONS):
        s = t.smtp(src=STRANGER if i % 3 else "127.0.0.1", dst=ME if i % 3 else "127.0.0.1", quiet=True); out = []
        pool = POOL if i % 2 else [c for c in POOL if c[:4].upper() in ("EHLO", "HELO", "MAIL", "RCPT", "DATA", "BDAT", "RSET")]
        for c in (["EHLO client.example.org"] if r.random() < .8 else []) + [r.choice(pool) for _ in range(r.randint(3, 12))] + ["QUIT"]:
            got = ask(s, c)
            if got.startswith("354"): got += " | " + ask(s, r.choice([b".\r\n", b"Subject: x\r\n\r\nx\r\n.\r\n", b"x\r\n..\r\n.\r\n"]))
            out.append(f"{c} -> {got if not c.upper().startswith('EHLO') else got[:30]}")
        t.note(f"{i}:"); [t.note("  " + o) for o in out]; s.close()
    t.drain(); t.log("smtpd: .*(reject|warning)|cleanup: .*warning", drop=("localhost",))
