"""bounce_template_file: own texts, a mistake, unknown names; 8-bit text."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.main(local_recipient_maps="", bounce_template_file="/etc/postfix/bounce.cf")
    t.file("bounce.cf", "# ours\nfailure_template = <<EOF\nCharset: utf-8\nFrom: Postal Service <MAILER-DAEMON>\nSubject: It did not work\nPostmaster-Subject: copy\n\nHere is $myhostname.\n\nLeider nicht möglich, after $maximal_queue_lifetime_days days.\nEOF\n\nsuccess_template = <<EOF\nPostmaster-Subject: wrong\n\ntext\nEOF\nstrange_template = <<EOF\nx\nEOF\n")
    t.start()
    t.send("alice@example.test", "ghost@example.test"); t.drain(); t.mail("alice"); t.sh("rm -f /var/mail/alice", quiet=True)
    t.title("a success notice with the built-in text"); s = t.smtp(quiet=True); s.cmd("EHLO x"); s.cmd("MAIL FROM:<alice@example.test>"); s.cmd("RCPT TO:<bob@example.test> NOTIFY=SUCCESS"); s.cmd("DATA"); s.data("Subject: hi\n\nhello\n"); s.cmd("QUIT"); s.close(); t.drain(); t.mail("alice", headers={"subject", "from"})
