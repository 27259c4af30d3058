#!/usr/bin/env python3
"""Maildir++ quotas (feature vda): limits by table, the file maildirsize shared with Dovecot, what is over quota, mailboxes in one file, a folder of rules;
and many deliveries at a time, whose sums are right in the end."""
import json, os, pathlib, pwd, re, shutil, smtplib, subprocess, sys
sys.path.insert(0, os.path.dirname(__file__))
from common import System, main, skip, stage, wait_for

if os.geteuid() != 0:
    skip("mailboxes of other users need root")
if "vda" not in subprocess.run([stage() / "usr/sbin/postfix", "features"], stdout=subprocess.PIPE, text=True).stdout:
    skip("this build has no feature vda")


def system(limits, **settings):
    main = dict(virtual_mailbox_limit_maps=f"inline:{{ {limits} }}", virtual_mailbox_limit_override="yes", virtual_maildir_extended="yes", bounce_queue_lifetime="0") | settings
    return System(main)


def send(system, to, size=0, header="Subject: x\n", sender="me@box.test"):
    with smtplib.SMTP("127.0.0.1", system.port, "client.test", timeout=60) as client:
        client.ehlo()
        for code, reply in (client.mail(sender), client.rcpt(to), client.data(header + "\n" + ("y" * 69 + "\n") * (size // 70))):
            assert code in (250, 354), reply
    return reply.decode().split()[-1]


def verdict(system, queue_id):
    def found():
        return re.search(rf"{queue_id}: to=.* dsn=([\d.]+), status=(\w+) \((.*)\)", system.log())
    wait_for(found, f"the end of {queue_id}", system)
    return found().groups()


def sums(system, user):
    text = (system.mail / user / "maildirsize").read_text().splitlines()
    pairs = [tuple(map(int, line.split())) for line in text[1:]]
    return text[0], sum(b for b, _ in pairs), sum(m for _, m in pairs)


def real(system, user):
    files = [f for f in (system.mail / user).rglob("*") if f.parent.name in ("new", "cur")]
    return sum(f.stat().st_size for f in files), len(files)


def full_maildirs_make_mail_wait_or_return():
    with system("{user1@box.test=20000}, {user2@box.test=0}, {user3@box.test=20000}", virtual_maildir_limit_message_maps="inline:{ {user3@box.test=nothing more for you} }") as s:
        assert verdict(s, send(s, "user1@box.test", 8000)) == ("2.0.0", "sent", "delivered to maildir")
        assert verdict(s, send(s, "user1@box.test", 8000))[1] == "sent"
        dsn, status, text = verdict(s, send(s, "user1@box.test", 8000))
        assert (dsn, status) == ("4.2.2", "deferred") and "overdrawn his diskspace quota" in text, (dsn, status, text)
        assert verdict(s, send(s, "user1@box.test", 30000))[:2] == ("5.2.2", "bounced")
        assert verdict(s, send(s, "user3@box.test", 30000)) == ("5.2.2", "bounced", "maildir delivery failed: nothing more for you")
        for _ in range(3):
            assert verdict(s, send(s, "user2@box.test", 30000))[1] == "sent"
        assert verdict(s, send(s, "user4@box.test", 30000))[1] == "sent", "virtual_mailbox_limit holds for those who are in no table"
        assert sums(s, "user1") == ("20000S", *real(s, "user1")), sums(s, "user1")
        assert all(f",S={f.stat().st_size}" in f.name for f in s.maildir("user1"))
        # Room is made, by a program that knows of the sums: what waits comes.
        old = s.maildir("user1")[0]
        with (s.mail / "user1/maildirsize").open("a") as f:
            f.write(f"-{old.stat().st_size} -1\n")
        old.unlink()
        s.command("postqueue", "-f")
        wait_for(lambda: len(s.maildir("user1")) == 2, "the mail that waited", s)
        assert sums(s, "user1") == ("20000S", *real(s, "user1")), sums(s, "user1")
        assert not list((s.mail / "user1/tmp").iterdir()), "nothing is left in tmp"


def mail_is_returned_at_once():
    with system("{user1@box.test=5000}", virtual_overquota_bounce="yes") as s:
        assert verdict(s, send(s, "user1@box.test", 4000))[1] == "sent"
        assert verdict(s, send(s, "user1@box.test", 4000))[:2] == ("5.2.2", "bounced")


def mailboxes_in_one_file():
    with system("{user1@box.test=5000}, {user2@box.test=0}") as s:
        (s.etc / "boxes").write_text("user1@box.test one\nuser2@box.test two\nuser3@box.test three\n")
        s.command("postfix", "-c", s.etc, "reload", stderr=subprocess.DEVNULL)
        assert verdict(s, send(s, "user1@box.test", 3000))[1] == "sent"
        before = (s.mail / "one").read_bytes()
        dsn, status, text = verdict(s, send(s, "user1@box.test", 3000))
        assert (dsn, status) == ("5.2.2", "bounced") and "File too large" in text, (dsn, status, text)
        assert (s.mail / "one").read_bytes() == before, "what did not fit is gone again"
        for user in ("user2", "user3", "user2"):
            assert verdict(s, send(s, f"{user}@box.test", 9000))[1] == "sent"


def folders_and_rules():
    with system("{user1@box.test=100000}", virtual_maildir_filter="yes", virtual_maildir_suffix="Maildir/") as s:
        owner = pwd.getpwnam("nobody")
        (s.mail / "user1").mkdir()
        os.chown(s.mail / "user1", owner.pw_uid, owner.pw_gid)
        (s.mail / "user1/maildirfilter").write_text("/subject:.*list/ MOVE Lists\n/subject: pills/ DISCARD\n/subject: no/ REJECT I do not want it\n")
        results = [verdict(s, send(s, "user1@box.test", 100, f"Subject: {word}\n")) for word in ("a list", "Pills", "no", "hello")]
        assert [r[1] for r in results] == ["sent", "sent", "bounced", "sent"], results
        assert results[2] == ("5.0.0", "bounced", "maildir delivery failed: i do not want it") or results[2][2].endswith("I do not want it"), results
        top = s.mail / "user1/Maildir"
        assert len(list((top / ".Lists/new").iterdir())) == 1 and (top / ".Lists/maildirfolder").exists() and len(list((top / "new").iterdir())) == 1
        assert sums(s, "user1/Maildir") == ("100000S", *real(s, "user1/Maildir"))


def many_at_a_time():
    with system("{user1@box.test=100000000}") as s:
        import threading
        threads = [threading.Thread(target=lambda: [send(s, "user1@box.test", 700) for _ in range(15)]) for _ in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        wait_for(lambda: len(s.maildir("user1")) == 120, "all mail", s)
        s.drain()
        if (s.mail / "user1/maildirsize").exists():
            assert sums(s, "user1") == ("100000000S", *real(s, "user1")), (sums(s, "user1"), real(s, "user1"))


def dovecot_reads_and_writes_the_same_file():
    if not shutil.which("doveadm"):
        raise RuntimeError("doveadm is missing")
    with system("{user1@box.test=200000}") as s:
        nobody = pwd.getpwnam("nobody")
        home = s.home / "dovecot"
        home.mkdir()
        os.chmod(home, 0o777)
        (home / "conf").write_text(f"base_dir={home}/run\nlog_path={home}/log\nmail_location=maildir:{s.mail}/%u\nmail_uid={nobody.pw_uid}\nmail_gid={nobody.pw_gid}\nfirst_valid_uid=1\nfirst_valid_gid=1\nssl=no\nmail_plugins=quota\n"
                                   f"plugin {{\n quota = maildir:User quota\n quota_rule = *:bytes=200000\n}}\nuserdb {{\n driver = static\n args = uid={nobody.pw_uid} gid={nobody.pw_gid} home={home}\n}}\npassdb {{\n driver = static\n args = nopassword=y\n}}\nprotocols =\n")

        def doveadm(*words):
            done = subprocess.run(["doveadm", "-c", home / "conf", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, user="nobody", group=nobody.pw_gid,
                                  env={"USER": "user1", "HOME": str(home), "PATH": os.environ["PATH"]})
            assert done.returncode == 0, (words, done.stderr)
            return done.stdout

        for _ in range(3):
            assert verdict(s, send(s, "user1@box.test", 7000))[1] == "sent"
        quota = json.loads(doveadm("-f", "json", "quota", "get"))
        by_type = {row["type"]: row["value"] for row in quota}
        assert by_type["MESSAGE"] == "3", quota
        assert sums(s, "user1") == ("200000S", *real(s, "user1"))
        # Dovecot counts and writes the file; we go on with it, and the other way round.
        doveadm("quota", "recalc")
        assert sums(s, "user1")[1:] == real(s, "user1"), (sums(s, "user1"), real(s, "user1"))
        assert verdict(s, send(s, "user1@box.test", 7000))[1] == "sent"
        doveadm("expunge", "mailbox", "INBOX", "1")
        assert sums(s, "user1")[1:] == real(s, "user1") and real(s, "user1")[1] == 3, (sums(s, "user1"), real(s, "user1"))
        assert verdict(s, send(s, "user1@box.test", 7000))[1] == "sent"
        assert sums(s, "user1")[1:] == real(s, "user1")


if __name__ == "__main__":
    main(full_maildirs_make_mail_wait_or_return, mail_is_returned_at_once, mailboxes_in_one_file, folders_and_rules, many_at_a_time, dovecot_reads_and_writes_the_same_file)
