#!/usr/bin/env python3
"""A user of the machine tries to read or to change what is others' through local(8): links, FIFOs, devices and directories in the place of mailboxes,
forward files and maildirs; names exchanged while mail is delivered; commands, lists and files in forward files and aliases; homes and users that are
not there. What must be true each time: the victim's mail, and a file of root's, are as before; no secret has come out; nothing ran with more rights
than the recipient's; and mail for others goes on."""
import os, pathlib, re, shutil, smtplib, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, main, skip, stage, wait_for

if os.geteuid() != 0:
    skip("users and a file system of its own need root")
stage()
if os.environ.get("OWN_MOUNTS") != "yes":
    # A view of the file system that ends with this test: its own users.
    os.execvpe("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv], dict(os.environ, OWN_MOUNTS="yes"))

MALLORY, VICTIM, NOHOME, GHOST = 43001, 43002, 43003, 43004
SECRET, BEFORE = "the-secret-of-root", "From nobody  Thu Jan  1 00:00:00 1970\nSubject: before\n\nold mail\n\n"
TOP = pathlib.Path(tempfile.mkdtemp(prefix="local-attacks-"))
os.chmod(TOP, 0o755)
HOME, SPOOL, ROOTS = TOP / "mallory", TOP / "spool", TOP / "roots"


def own_users():
    lines = {"passwd": [f"mallory:x:{MALLORY}:{MALLORY}::{HOME}:/bin/sh", f"victim:x:{VICTIM}:{VICTIM}::{TOP}/victim:/bin/sh", f"nohome:x:{NOHOME}:{NOHOME}::{TOP}/missing:/bin/sh", f"noshell:x:{GHOST}:{GHOST}::/:"],
             "group": [f"{n}:x:{i}:" for n, i in (("mallory", MALLORY), ("victim", VICTIM), ("nohome", NOHOME), ("noshell", GHOST))]}
    for name, more in lines.items():
        copy = TOP / name
        copy.write_text(pathlib.Path(f"/etc/{name}").read_text().rstrip("\n") + "\n" + "\n".join(more) + "\n")
        os.chmod(copy, 0o644)
        subprocess.run(["mount", "--bind", copy, f"/etc/{name}"], check=True)


def fresh():
    """Homes, mailboxes and root's file as at the start."""
    for path in (HOME, TOP / "victim", SPOOL, ROOTS):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    os.chown(HOME, MALLORY, MALLORY)
    os.chown(TOP / "victim", VICTIM, VICTIM)
    os.chmod(TOP / "victim", 0o700)
    os.chmod(SPOOL, 0o1777)
    (SPOOL / "victim").write_text(BEFORE)
    os.chmod(SPOOL / "victim", 0o600)
    os.chown(SPOOL / "victim", VICTIM, VICTIM)
    (ROOTS / "file").write_text(SECRET + "\n")
    os.chmod(ROOTS / "file", 0o600)
    os.chmod(ROOTS, 0o711)


def as_mallory(command):
    subprocess.run(["sh", "-c", command], check=True, user=MALLORY, group=MALLORY, extra_groups=[], cwd=HOME, env={"PATH": "/usr/bin:/bin", "S": str(SPOOL), "R": str(ROOTS)})


def forward(text, path=".forward", mode=0o644):
    (HOME / path).write_text(text)
    os.chmod(HOME / path, mode)
    os.chown(HOME / path, MALLORY, MALLORY)


SENT = []


def send(system, *recipients, subject="attack"):
    with smtplib.SMTP("127.0.0.1", system.port, "client.test", timeout=60) as client:
        client.ehlo()
        for to in recipients:
            for code, reply in (client.mail("sender@box.test"), client.rcpt(to), client.data(f"Subject: {subject}\n\nbody\n")):
                assert code in (250, 354), (to, code, reply)
            SENT.append(reply.decode().split()[-1])


def rest(system):
    """Waits until each message has been delivered, returned or deferred."""
    def settled(queue_id):
        return re.search(rf"\b{queue_id}: (removed|to=.* status=deferred)", system.log())
    wait_for(lambda: all(map(settled, SENT)), f"an end of {SENT}", system)
    SENT.clear()


def unharmed(system, victims_mail=BEFORE):
    rest(system)
    assert (SPOOL / "victim").read_text() == victims_mail, (SPOOL / "victim").read_text()
    assert (ROOTS / "file").read_text() == SECRET + "\n" and sorted(os.listdir(ROOTS)) == ["file"], os.listdir(ROOTS)
    assert (ROOTS / "file").stat().st_uid == 0 and (SPOOL / "victim").stat().st_uid == VICTIM
    assert not any((TOP / "victim").iterdir()), list((TOP / "victim").iterdir())
    for path in [*HOME.rglob("*"), *SPOOL.iterdir()]:
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20:
            assert SECRET not in path.read_text(errors="replace"), path
    assert SECRET not in system.log() and "panic" not in system.log(), system.log()
    system.command("postsuper", "-d", "ALL", stderr=subprocess.DEVNULL)


def system():
    settings = dict(mydestination="spool.test home.test md.test need.test", alias_maps=f"texthash:{TOP}/aliases texthash:{TOP}/mallorys", mail_spool_directory=SPOOL, local_recipient_maps="", recipient_delimiter="+",
                    transport_maps="inline:{home.test=lhome:, md.test=lmd:, need.test=lneed:}", deliver_lock_attempts="1", soft_bounce="no", allow_mail_to_commands="alias, forward, include", allow_mail_to_files="alias, forward, include", bounce_queue_lifetime="0", local_destination_concurrency_limit="4")
    master = "".join(f"{n} unix - n n - - local\n  -o {o}\n" for n, o in (("lhome", "home_mailbox=Mailbox"), ("lmd", "home_mailbox=Maildir/"), ("lneed", "require_home_directory=yes")))
    (TOP / "aliases").write_text("")
    (TOP / "mallorys").write_text("")
    os.chown(TOP / "mallorys", MALLORY, MALLORY)
    return System(settings, master)


def mailboxes_that_are_something_else():
    tricks = ["ln -s $S/victim $S/mallory", "ln -s $R/file $S/mallory", "ln -s $R/new $S/mallory", "mkfifo $S/mallory", "mkdir $S/mallory", "ln -s /dev/full $S/mallory",
              "ln -s $S/victim $S/mallory.lock", "ln -s $R/new $S/mallory.lock", "ln -s $S/mallory $S/mallory"]
    with system() as s:
        for trick in tricks:
            fresh()
            as_mallory(trick)
            send(s, "mallory@spool.test")
            unharmed(s)
        for trick in ("ln -s $S/victim Mailbox", "ln -s $R/file Mailbox", "ln -s $R/new Mailbox", "mkfifo Mailbox", "ln -s $R/new Mailbox.lock"):
            fresh()
            as_mallory(trick)
            send(s, "mallory@home.test")
            unharmed(s)
        # Hard links to files of others: where the kernel lets users make them.
        for victim in (SPOOL / "victim", ROOTS / "file"):
            fresh()
            os.link(victim, SPOOL / "mallory")
            os.chmod(victim, 0o666)
            send(s, "mallory@spool.test")
            rest(s)
            os.unlink(SPOOL / "mallory")
            unharmed(s)
        assert len(re.findall("file has 2 hard links", s.log())) == 2, s.log()


def spool_folders_of_all_kinds():
    """A spool that only root, or a group, may write: the mailbox is made for the user, and belongs to that user alone."""
    with system() as s:
        for mode in (0o755, 0o2775, 0o775, 0o1777):
            fresh()
            os.chmod(SPOOL, mode)
            send(s, "mallory@spool.test")
            wait_for((SPOOL / "mallory").exists, f"the mailbox in a spool of mode {mode:o}", s)
            unharmed(s)
            made = (SPOOL / "mallory").stat()
            assert made.st_uid == MALLORY and made.st_mode & 0o777 == 0o600, made
            assert sorted(os.listdir(SPOOL)) == ["mallory", "victim"], os.listdir(SPOOL)


def maildirs_that_lead_elsewhere():
    tricks = ["mkdir Maildir; ln -s $R Maildir/new; mkdir Maildir/tmp", "mkdir Maildir; ln -s $R Maildir/tmp", "ln -s $R Maildir", f"mkdir Maildir; ln -s {TOP}/victim Maildir/new", f"ln -s {TOP}/victim Maildir", "touch Maildir", "mkdir Maildir; mkfifo Maildir/tmp"]
    with system() as s:
        for trick in tricks:
            fresh()
            as_mallory(trick)
            send(s, "mallory@md.test")
            unharmed(s)


def exchange(name, targets):
    """A process of mallory's that makes NAME a link to each target in turn, and a file of its own, as often as it can."""
    child = os.fork()
    if child:
        return child
    try:
        os.setgroups([]); os.setgid(MALLORY); os.setuid(MALLORY)
        other, end = f"{name}.x", time.time() + 120
        while time.time() < end:
            for target in targets:
                try:
                    os.symlink(target, other) if target else open(other, "w").close()
                    os.rename(other, name)
                except OSError:
                    pass
    finally:
        os._exit(0)


def names_exchanged_during_delivery():
    """A regular file and a link take each other's place as fast as they can while mail comes in."""
    with system() as s:
        for box, domain in ((SPOOL / "mallory", "spool.test"), (HOME / "Mailbox", "home.test"), (HOME / ".forward", "spool.test")):
            fresh()
            racer = exchange(box, (SPOOL / "victim", ROOTS / "file", ROOTS / "new", None))
            try:
                for _ in range(4):
                    send(s, *["mallory@" + domain] * 10)
                    rest(s)
                    assert (SPOOL / "victim").read_text() == BEFORE and os.listdir(ROOTS) == ["file"]
            finally:
                os.kill(racer, 9)
                os.waitpid(racer, 0)
            unharmed(s)


def forward_files_of_all_kinds():
    tricks = ["ln -s $R/file .forward", "ln -s $S/victim .forward", "mkfifo .forward", "mkdir .forward", "ln -s .forward .forward", "ln -s /dev/zero .forward", "ln -s /proc/self/mem .forward",
              "head -c 30000000 /dev/zero >.forward", "yes bob,bob,bob | head -c 20000000 >.forward", "head -c 1000000 /dev/urandom >.forward", "yes bob,bob,bob | head -c 200000 >.forward", "printf '%s\\n' '$R/file' >.forward"]
    with system() as s:
        for trick in tricks:
            fresh()
            as_mallory(trick)
            send(s, "mallory@spool.test", "noshell@spool.test", subject="others go on")
            wait_for(lambda: (SPOOL / "noshell").exists(), "mail of another user", s)
            unharmed(s)
        fresh()
        forward("\"|id >&2; exit 99\"\n", mode=0o666)
        send(s, "mallory@spool.test")
        wait_for((SPOOL / "mallory").exists, "mail that a world-writable forward file did not get", s)
        fresh()
        forward("victim@spool.test\n")
        os.chown(HOME / ".forward", VICTIM, VICTIM)
        send(s, "mallory@spool.test")
        wait_for((SPOOL / "mallory").exists, "mail that another's forward file did not get", s)
        unharmed(s)
        # The extension of an address is no way out of the home.
        fresh()
        (TOP / "victim/.forward").write_text(f"|touch {ROOTS}/new\n")
        os.chown(TOP / "victim/.forward", VICTIM, VICTIM)
        send(s, "mallory+/../../victim/.forward@spool.test", "mallory+../victim/x@spool.test")
        rest(s)
        os.unlink(TOP / "victim/.forward")
        unharmed(s)


def what_forward_files_name():
    with system() as s:
        for text in (f"{ROOTS}/file\n", f"{ROOTS}/new\n", f"{SPOOL}/victim\n", f"{TOP}/victim/new\n", f"{ROOTS}/\n", f"{TOP}/victim/md/\n", f":include:{ROOTS}/file\n", f"\":include:{SPOOL}/victim\"\n",
                     f":include:{HOME}/.forward\n", "/dev/full\n", f"\"|cat {ROOTS}/file\"\n", f"\"|cat >>{SPOOL}/victim\"\n", "\"|exec 1>&-; sleep 0\"\n"):
            fresh()
            forward(text)
            send(s, "mallory@spool.test")
            unharmed(s)
        fresh()
        forward(f":include:{HOME}/a\n")
        forward(f":include:{HOME}/b\n", "a")
        forward(f":include:{HOME}/a\n", "b")
        send(s, "mallory@spool.test")
        unharmed(s)


def commands_have_the_recipients_rights_alone():
    who = "id -u; id -G; cat /proc/self/status | grep -E \"^(Groups|CapEff|CapPrm|CapBnd)\"; ls -l /proc/self/fd"
    with system() as s:
        for mode in (0o1777, 0o2775, 0o755):
            fresh()
            os.chmod(SPOOL, mode)
            forward(f"\"|{{ {who.replace(chr(34), chr(92) + chr(34))}; }} >{HOME}/who 2>&1\"\n")
            send(s, "mallory@spool.test")
            wait_for(lambda: (HOME / "who").exists() and "CapEff" in (HOME / "who").read_text(), "the command's output", s)
            said = (HOME / "who").read_text()
            assert said.split("\n")[:2] == [str(MALLORY), str(MALLORY)], said
            assert re.search(r"CapEff:\s*0+\n", said) and re.search(r"CapPrm:\s*0+\n", said), said
            assert "socket:" not in said and str(s.queue) not in said, said
            unharmed(s)
        # An alias file of root's: default_privs. One of a user's: that user.
        fresh()
        out = TOP / "out"
        out.mkdir(exist_ok=True)
        os.chmod(out, 0o1777)
        (TOP / "aliases").write_text(f"rootsalias: \"|id -u >{out}/root\"\nrootsfile: {ROOTS}/file\nvictims: {SPOOL}/victim\n".replace(": ", " ", 1).replace("rootsfile: ", "rootsfile ").replace("victims: ", "victims "))
        (TOP / "mallorys").write_text(f"malias \"|id -u >{out}/mallory\"\nmfile {ROOTS}/file\n")
        time.sleep(1.1)
        send(s, "rootsalias@spool.test", "rootsfile@spool.test", "victims@spool.test", "malias@spool.test", "mfile@spool.test")
        nobody = __import__("pwd").getpwnam("nobody").pw_uid
        wait_for(lambda: all((out / n).exists() and (out / n).read_text().strip() for n in ("root", "mallory")), "the commands of aliases", s)
        assert (out / "root").read_text().strip() == str(nobody) and (out / "mallory").read_text().strip() == str(MALLORY)
        unharmed(s)


def workers_that_are_killed():
    """The user may end the processes that work for that user: mail waits, and others' is delivered."""
    with system() as s:
        fresh()
        forward("\"|kill -9 $PPID; sleep 0\"\n")
        send(s, "mallory@spool.test", "victim@spool.test")
        wait_for(lambda: "worker ended without an answer" in s.log(), "the report", s)
        wait_for(lambda: (SPOOL / "victim").read_text() != BEFORE, "the victim's mail", s)
        unharmed(s, (SPOOL / "victim").read_text())


def homes_and_users_that_are_not_there():
    with system() as s:
        fresh()
        send(s, "nohome@spool.test", "noshell@spool.test")
        wait_for(lambda: (SPOOL / "nohome").exists() and (SPOOL / "noshell").exists(), "mail in the spool", s)
        send(s, "nohome@need.test", "nohome@home.test", "nohome@md.test")
        rest(s)
        assert "cannot access home directory" in s.log() and "status=deferred" in s.log(), s.log()
        os.chmod(HOME, 0)
        os.chown(HOME, 0, 0)
        before = len(s.log())
        send(s, "mallory@spool.test", "mallory@home.test", "mallory@need.test")
        rest(s)
        assert (SPOOL / "mallory").exists(), s.log()[before:]
        send(s, "no-such-user@spool.test", "../victim@spool.test", "x/../victim@spool.test", "43002@spool.test")
        unharmed(s)
        os.chmod(HOME, 0o755)


def audit_2026_06_24_lists_in_lists():
    """Lists that name themselves, each other without end, and each the next one twice: delivery ends, and nobody gets a message twice."""
    s = system()
    lists = TOP / "lists"
    shutil.rmtree(lists, ignore_errors=True)
    lists.mkdir()
    for n in range(300):
        (lists / f"deep{n}").write_text(f":include:{lists}/deep{n + 1}\n")
    for n in range(60):
        (lists / f"twice{n}").write_text(f":include:{lists}/twice{n + 1}\n:include:{lists}/twice{n + 1}\n")
    (lists / "twice60").write_text("mallory@spool.test\n")
    (lists / "self").write_text(f":include:{lists}/self\nmallory@spool.test\n:include:{lists}/self\n")
    (TOP / "aliases").write_text("".join(f"{name} :include:{lists}/{name}{n}\n" for name, n in (("deep", "0"), ("twice", "0"), ("self", ""))))
    with s:
        fresh()
        send(s, "deep@spool.test")
        wait_for(lambda: ":include: nesting limit exceeded" in s.log(), "the end of lists in lists", s)
        rest(s)
        assert not (SPOOL / "mallory").exists()
        # One after the other: the mailbox is tried once only while somebody else has its lock.
        for count, name in ((1, "twice"), (2, "self")):
            send(s, f"{name}@spool.test")
            rest(s)
            wait_for(lambda: (SPOOL / "mallory").exists() and (SPOOL / "mallory").read_text().count("Subject: attack") == count, f"one message from the list {name}", s)
        unharmed(s)


if __name__ == "__main__":
    own_users()
    try:
        main(mailboxes_that_are_something_else, spool_folders_of_all_kinds, maildirs_that_lead_elsewhere, names_exchanged_during_delivery, forward_files_of_all_kinds, what_forward_files_name,
             commands_have_the_recipients_rights_alone, workers_that_are_killed, homes_and_users_that_are_not_there, audit_2026_06_24_lists_in_lists)
    finally:
        for name in ("passwd", "group"):
            subprocess.run(["umount", f"/etc/{name}"])
        shutil.rmtree(TOP, ignore_errors=True)
