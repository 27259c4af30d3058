"""What of a message comes back: bounce_size_limit, RET, header-only notices, long headers, no final newline, eight bits, a message of its own in the message."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.main(local_recipient_maps="", bounce_size_limit="2000", bounce_queue_lifetime="0")
    t.start()
    def go(title, body, mail_args=""):
        t.title(title); t.send("alice@example.test", "ghost@example.test", body=body, mail_args=mail_args); t.drain()
        t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    go("larger than the limit", "Subject: long\n\n" + "line of text\n" * 300)
    go("the header alone is larger", "Subject: long\n" + "".join(f"X-H{i}: {'x' * 50}\n" for i in range(60)) + "\nbody\n")
    go("full on demand", "Subject: long\n\n" + "line\n" * 50 + "last line\n", " RET=FULL")
    go("header only on demand", "Subject: two\n\nbody\n", " RET=HDRS")
    go("a message in the message", "Subject: three\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: message/rfc822\n\nSubject: inner\n\n--x--\n\n--x\n\ntext\n--x--\n")
    go("no body", "Subject: four\n\n")
    go("dots and From", "Subject: five\n\n.\n..\nFrom here\n>From there\n", " BODY=8BITMIME")
    go("eight bits", "Subject: six\n\nh\u00e4llo\n", " BODY=8BITMIME")
    t.log("status=", "notification")
