#!/usr/bin/env python3
"""Disks that fill while mail is delivered: a mailbox is as long as before, nothing is left in a maildir's tmp, the mail waits, and comes when there is room."""
import os, pathlib, smtplib, subprocess, sys
sys.path.insert(0, os.path.dirname(__file__))
from common import System, main, skip, stage, wait_for

if os.geteuid() != 0:
    skip("a file system of its own needs root")
stage()
if os.environ.get("OWN_MOUNTS") != "yes":
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv], dict(os.environ, OWN_MOUNTS="yes"))


def send(system, to, kilobytes):
    with smtplib.SMTP("127.0.0.1", system.port, "client.test", timeout=60) as client:
        client.sendmail("sender@box.test", [to], "Subject: x\n\n" + ("y" * 1023 + "\n") * kilobytes)


def in_one_way(box, kind):
    system = System()
    (system.etc / "boxes").write_text(f"user1@box.test {box}\n")
    with system:
        owner = system.mail.stat()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=1m,uid={owner.st_uid},gid={owner.st_gid},mode=755", "tmpfs", system.mail], check=True)
        try:
            send(system, "user1@box.test", 100)
            files = lambda: sorted(f for f in system.mail.rglob("*") if f.is_file())
            wait_for(lambda: "status=sent" in system.log() and files(), "the first message", system)
            before = [(f, f.read_bytes()) for f in files()]
            for _ in range(2):
                send(system, "user1@box.test", 3000)
            wait_for(lambda: system.log().count("status=deferred") == 2, "both to wait", system)
            said = [l for l in system.log().splitlines() if "status=deferred" in l]
            assert all("dsn=4.3.0" in l and "No space left on device" in l for l in said), said
            assert [(f, f.read_bytes()) for f in files()] == before, files()
            # What fits is delivered meanwhile.
            send(system, "user1@box.test", 1)
            wait_for(lambda: system.log().count("status=sent") == 2, "a short message", system)
            subprocess.run(["mount", "-o", "remount,size=20m", system.mail], check=True)
            system.command("postqueue", "-f")
            system.drain()
            text = b"".join(f.read_bytes() for f in files())
            assert text.count(b"Subject: x") == 4 and (kind != "mailbox" or text.count(b"\nFrom sender@") + text.startswith(b"From sender@") == 4), len(text)
        finally:
            system.stop()
            subprocess.run(["umount", system.mail])


def a_mailbox():
    in_one_way("user1", "mailbox")


def a_maildir():
    in_one_way("user1/", "maildir")


if __name__ == "__main__":
    main(a_mailbox, a_maildir)
