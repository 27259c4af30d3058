#!/usr/bin/env python3
"""Real programs put mail in: smtplib, swaks, msmtp, mutt, mailx, curl, PHP's and cron's way of calling sendmail."""
import email, os, smtplib, subprocess, sys
sys.path.insert(0, os.path.dirname(__file__))
from common import System, main, skip, wait_for
import shutil

for program in ("swaks", "msmtp", "mutt", "s-nail", "curl"):
    if not shutil.which(program):
        skip(f"{program} is not installed")


def arrives(system, user, subject, body):
    """One message of that subject, whose body holds the text, is in the mailbox."""
    def found():
        for path in system.maildir(user):
            message = email.message_from_bytes(path.read_bytes())
            if message["subject"] == subject:
                return message
    wait_for(found, f"“{subject}” in the mailbox of {user}", system, 15)
    text = found().get_payload()
    text = text if isinstance(text, str) else text[0].get_payload()
    assert body in text, text


def run(*words, **kw):
    done = subprocess.run([str(w) for w in words], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, **kw)
    assert done.returncode == 0, (words, done.returncode, done.stdout)
    return done.stdout


def network_clients():
    with System() as system:
        with smtplib.SMTP("127.0.0.1", system.port) as client:
            client.sendmail("me@example.org", ["user1@box.test"], "Subject: smtplib\n\nby smtplib\n.dot\n")
        arrives(system, "user1", "smtplib", "by smtplib\n.dot")
        run("swaks", "--server", f"127.0.0.1:{system.port}", "--from", "me@example.org", "--to", "user2@box.test",
            "--header", "Subject: swaks", "--body", "by swaks", "--pipeline")
        arrives(system, "user2", "swaks", "by swaks")
        run("msmtp", "--host=127.0.0.1", f"--port={system.port}", "--from=me@example.org", "user3@box.test",
            input="Subject: msmtp\n\nby msmtp\n")
        arrives(system, "user3", "msmtp", "by msmtp")
        letter = system.home / "letter"
        letter.write_text("Subject: curl\r\n\r\nby curl\r\n")
        run("curl", "-sS", f"smtp://127.0.0.1:{system.port}", "--mail-from", "me@example.org",
            "--mail-rcpt", "user4@box.test", "--upload-file", letter)
        arrives(system, "user4", "curl", "by curl")


def programs_that_call_sendmail():
    with System() as system:
        sendmail = system.sbin / "sendmail"
        env = dict(system.environment, HOME=str(system.home), EMAIL="me@example.org")
        run("mutt", "-F", "/dev/null", "-e", f"set sendmail='{sendmail} -oem -oi'", "-e", "set copy=no", "-s", "mutt",
            "user5@box.test", input="by mutt\n", env=env)
        arrives(system, "user5", "mutt", "by mutt")
        run("s-nail", "-:/", "-S", f"mta=file://{sendmail}", "-s", "mailx", "user6@box.test", input="by mailx\n", env=env)
        arrives(system, "user6", "mailx", "by mailx")
        run(sendmail, "-t", "-i", input="To: user7@box.test\nSubject: php\n\nby php\n.\nafter the dot\n", env=env)
        arrives(system, "user7", "php", "by php\n.\nafter the dot")
        run(sendmail, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "user8@box.test", input="Subject: cron\n\nby cron\n", env=env)
        arrives(system, "user8", "cron", "by cron")
        run(sendmail, "-i", "-f", "git@example.org", "--", "user9@box.test", input="Subject: git\n\nby git\n", env=env)
        arrives(system, "user9", "git", "by git")


def mail_given_in_while_the_system_is_down():
    system = System()
    with system:
        pass_through = dict(system.environment)
        system.stop()
        run(system.sbin / "sendmail", "-i", "user1@box.test", input="Subject: early\n\nwritten before the start\n", env=pass_through)
        system.start()
        arrives(system, "user1", "early", "written before the start")


if __name__ == "__main__":
    main(network_clients, programs_that_call_sendmail, mail_given_in_while_the_system_is_down)
