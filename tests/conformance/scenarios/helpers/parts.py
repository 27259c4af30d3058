"""Messages whose parts, boundaries, types and encodings are random, with checks on headers of every kind and on bodies; what cleanup made of them."""
import random, re
from doors import *
from middle import *

N = 90
TYPES = ["text/plain", "text/plain; charset=utf-8", "multipart/mixed; boundary=b1", "multipart/mixed; boundary=\"b 2\"", "multipart/alternative; boundary=b1; x=y", "multipart/mixed", "message/rfc822", "message/partial; id=x", "message/external-body", "multipart/digest; boundary=b1", "text", "TEXT/PLAIN", "multipart/mixed; BOUNDARY=b1", "multipart/mixed; boundary=b1 (c)", "multipart / mixed ; boundary = b1", "(c) multipart/mixed; boundary=b1", "application/octet-stream; name=\"a;b\"", "message/global", "multipart/mixed; boundary=;x", "", ";", "multipart/mixed; boundary=\"b1"]
ENCODINGS = ["7bit", "8bit", "binary", "base64", "quoted-printable", "8BIT", "x-foo", "", "7bit (c)", "(c) 8bit", "7bit 8bit"]
BODY = ["text", "ütf", "--b1", "--b1--", "--b 2", "--b 2--", "--b1 ", "--b1x", "", "", "From x", "X-Evil: yes", "x" * 200, "Subject: in part", ".", "--", "--b1--x", "end"]


def through(t, seed, **parameters):
    """SEED makes the messages; PARAMETERS are added to main.cf."""
    t.file("hc", "/^X-Evil:/ WARN header\n/^Subject: in part/ PREPEND X-Seen: yes\n/^Content-Type: text\\/plain$/ REPLACE Content-Type: text/replaced\n/^Content-Transfer-Encoding: x-foo/ IGNORE\n")
    t.file("bc", "/evil/ WARN body\n/^X-Evil/ WARN bodyline\n/^end/ INFO the end\n/^From/ PREPEND pre\n")
    t.file("nc", "/^X-Evil:/ WARN nested\n/^Subject: in part/ REPLACE Subject: nested\n"); t.file("mc", "/^Content-Type: message/ WARN mime\n/^Content-Disp/ IGNORE\n")
    hop = catch(t, header_checks="regexp:/etc/postfix/hc", body_checks="regexp:/etc/postfix/bc", nested_header_checks="regexp:/etc/postfix/nc", mime_header_checks="regexp:/etc/postfix/mc regexp:/etc/postfix/hc", smtpd_hard_error_limit="1000", message_drop_headers="content-length", **parameters); t.start(); r = random.Random(seed)
    for i in range(N):
        def head(): return [f"Content-Type: {r.choice(TYPES)}" if r.random() < .8 else "X-Evil: 1", *([f"Content-Transfer-Encoding: {r.choice(ENCODINGS)}"] if r.random() < .4 else []), *(["MIME-Version: 1.0"] if r.random() < .5 else [])]
        lines = [f"X-Number: {i}", *head(), ""]
        for _ in range(r.randint(2, 14)):
            lines.append(r.choice(BODY))
            if lines[-1].startswith("--") and r.random() < .8: lines += head() + ([""] if r.random() < .8 else [])
        s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO client.example.org"); ask(s, "MAIL FROM:<s@z.example>" + (" BODY=8BITMIME" if i % 2 else "")); ask(s, "RCPT TO:<r@example.test>"); ask(s, "DATA")
        got = quietly(t, s, "\n".join(lines) + "\n"); ask(s, "QUIT"); s.close(); t.note(f"{i}: {re.sub('queued as .*', 'queued', got)}")
    t.drain(60)
    msgs = {int(re.search(rb"X-Number: (\d+)", m).group(1)): m for m in hop.messages}
    for i in sorted(msgs):
        for l in msgs[i].decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
            if not re.match(r"(Received: from (client|local)|\tby foo|\tfor <r@|\tid |MAIL FROM|RCPT TO)", l): t.note(f"{i} | {l}")
    t.note("\n".join(sorted(l for s in hop.sessions for l in s if l.startswith("MAIL"))))
    t.log(r"(smtpd|cleanup): .*(reject|warning|info|prepend|replace)", drop=("localhost",))
