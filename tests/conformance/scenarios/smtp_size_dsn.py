"""SIZE, DSN, ENVID, ORCPT and NOTIFY parameters: passed on where the server takes them, limits respected, xtext encoded."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    full = onward.site(t, "full.example", "203.0.113.10", ehlo=("PIPELINING", "SIZE 1000000", "8BITMIME", "DSN", "ENHANCEDSTATUSCODES", "SMTPUTF8"))
    bare = onward.site(t, "bare.example", "203.0.113.11", ehlo=()); tiny = onward.site(t, "tiny.example", "203.0.113.12", ehlo=("SIZE 300",)); odd = onward.site(t, "odd.example", "203.0.113.13", ehlo=("SIZE big", "SIZE"))
    t.start()
    for domain in ("full", "bare"):
        s = t.smtp(quiet=True); s.cmd("EHLO client.example.org")
        for mail, rcpt in (("MAIL FROM:<alice@example.test> BODY=8BITMIME ENVID=id+2B1 RET=HDRS", f"RCPT TO:<u@{domain}.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;orig+2Bx@{domain}.example"),
                           ("MAIL FROM:<alice@example.test> RET=FULL", f"RCPT TO:<never@{domain}.example> NOTIFY=NEVER"), ("MAIL FROM:<> BODY=7BIT", f"RCPT TO:<delay+tag@{domain}.example> NOTIFY=DELAY")):
            s.cmd(mail); s.cmd(rcpt); s.cmd("DATA"); s.data("Subject: x\n\nhello\n")
        s.cmd("QUIT"); s.close()
    t.send("", ["u@tiny.example", "v@tiny.example"], body="Subject: big\n\n" + "x" * 400 + "\n"); t.send("", ["u@odd.example"])
    t.drain()
    t.log(r"postfix/smtp: ")
    for s in (full, bare, tiny, odd): s.note(messages=False)
    t.showq()
