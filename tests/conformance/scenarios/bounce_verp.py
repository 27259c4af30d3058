"""VERP: each recipient has a sender address of its own, on the way out, in mailboxes and in notices; delimiters, disable_verp_bounces, what is refused."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    far = waiting.site(t, "far.example", "203.0.113.10", script={"RCPT bad": "550 5.1.1 no such user", "RCPT slow": "450 4.2.0 later"})
    t.main(local_recipient_maps="", smtpd_authorized_verp_clients="127.0.0.1", recipient_delimiter="+", bounce_queue_lifetime="0", maximal_queue_lifetime="0")
    t.start()
    def go(title, mail, rcpts):
        t.title(title); s = t.smtp(quiet=True); s.cmd("EHLO client.example.org"); s.cmd(f"MAIL FROM:{mail}")
        for r in rcpts: s.cmd(f"RCPT TO:<{r}>")
        s.cmd("DATA"); s.data("Subject: hi\n\nhello\n"); s.cmd("QUIT"); s.close(); t.drain()
        t.note("\n".join(sorted("far: " + "; ".join(l.split(":", 1)[1].strip() for l in x if "MAIL" in l or "RCPT" in l) for x in far.sessions)))
        far.sessions.clear(); t.mail("alice", headers={"to", "subject", "delivered-to", "x-original-to"}); t.mail("bob", headers={"return-path", "delivered-to"}); t.sh("rm -f /var/mail/*", quiet=True)
    go("two remote, one local", "<alice@example.test> XVERP", ["good@far.example", "bad@far.example", "bob@example.test", "ghost@example.test"])
    go("delimiters", "<alice+list@example.test> XVERP==+", ["bad@far.example", "a+b@far.example", "slow@far.example"])
    go("null sender", "<> XVERP", ["bob@example.test"])
    t.title("sendmail"); t.sh("sendmail -i -XV+= -f alice@example.test bad@far.example bob@example.test", stdin="Subject: hi\n\nhello\n", user="alice"); t.drain(); t.mail("alice", headers={"to", "subject"}); t.mail("bob", headers={"return-path"}); t.sh("rm -f /var/mail/*", quiet=True)
    t.main(disable_verp_bounces="yes"); t.reload()
    go("one notice for all", "<alice@example.test> XVERP", ["bad@far.example", "ghost@example.test"])
    s = t.smtp(); s.cmd("EHLO x"); s.cmd("MAIL FROM:<alice@example.test> XVERP=ab"); s.cmd("MAIL FROM:<alice@example.test> XVERP=-"); s.cmd("QUIT"); s.close()
    t.log("status=", "notification")
