#!/usr/bin/env python3
"""spawn(8) with a real policy service, a time limit that is kept, no more commands than maxproc, and a reload that waits for clients."""
import os, shutil, socket, subprocess, sys, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, free_port, main, skip, stage, wait_for

if os.geteuid() != 0:
    skip("commands with the rights of other users need root")
if not shutil.which("policyd-spf"):
    skip("policyd-spf is not installed")
stage()


def program(system, name, text):
    path = system.home / name
    path.write_text("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


def connect(where):
    if isinstance(where, int):
        return socket.create_connection(("127.0.0.1", where), 60)
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60)
    client.connect(str(where))
    return client


def everything(client):
    said = b""
    while data := client.recv(4096):
        said += data
    client.close()
    return said.decode()


def policyd_spf_runs_as_its_own_user():
    master = f"policyd-spf unix - n n - 0 spawn\n  user=nobody argv={shutil.which('policyd-spf')}\n"
    with System({"smtpd_recipient_restrictions": "check_policy_service unix:private/policyd-spf, permit", "policyd-spf_time_limit": "3600"}, master) as system:
        import smtplib
        for i in range(3):
            with smtplib.SMTP("127.0.0.1", system.port, "sender.test", timeout=60) as client:
                client.sendmail("me@sender.test", ["user1@box.test"], f"Subject: {i}\n\nhello\n")
        wait_for(lambda: len(system.maildir("user1")) == 3, "three messages", system)
        for message in system.maildir("user1"):
            text = message.read_text(errors="replace")
            assert "SPF" in text, text
        assert "policyd-spf" not in "".join(l for l in system.log().splitlines() if "postfix/spawn" in l and "warning" in l), system.log()


def a_command_has_a_user_three_streams_and_its_time():
    port = free_port(3400)
    # The numbers of its open files, then a child that would hold the connection for an hour.
    text = 'id -u; for f in /proc/$$/fd/*; do case ${f##*/} in 0|1|2|10|255) ;; *) readlink $f;; esac; done; ulimit -n; sleep 3600 & echo ready; wait\n'
    with System({f"127.0.0.1:{port}_time_limit": "1s"}) as system:
        path = program(system, "slow", text)
        with (system.etc / "master.cf").open("a") as f:
            f.write(f"127.0.0.1:{port} inet n n n - 2 spawn\n  user=nobody argv={path}\n")
        system.command("postfix", "-c", system.etc, "reload", stderr=subprocess.DEVNULL)
        wait_for(lambda: port_answers(port), "the new port", system)
        # The end comes although a child of the command still has the connection: it is killed as well.
        said = everything(connect(port)).split()
        assert said[0] == str(__import__("pwd").getpwnam("nobody").pw_uid), said
        assert said[1:] == ["1024", "ready"], f"it has more than its streams: {said}"
        wait_for(lambda: "command time limit exceeded" in system.log() and "killed by signal 9" in system.log(), "the report", system)


def port_answers(port):
    try:
        client = connect(port)
    except OSError:
        return False
    client.close()
    return True


def clients_wait_for_a_place_and_a_reload_waits_for_clients():
    with System() as system:
        path = program(system, "echo", 'echo hello; read line; echo "got $line"\n')
        with (system.etc / "master.cf").open("a") as f:
            f.write(f"echo unix - n n - 2 spawn\n  user=nobody argv={path}\n")
        system.command("postfix", "-c", system.etc, "reload", stderr=subprocess.DEVNULL)
        where = system.queue / "private/echo"
        wait_for(where.exists, "the socket", system)
        first, second, third = (connect(where) for _ in range(3))
        assert first.recv(100) == b"hello\n" and second.recv(100) == b"hello\n"
        third.settimeout(1)
        try:
            raise AssertionError(f"a third command runs: {third.recv(100)!r}")
        except TimeoutError:
            pass
        # The old process goes on with its clients; the new one has places of its own.
        system.command("postfix", "-c", system.etc, "reload", stderr=subprocess.DEVNULL)
        third.settimeout(60)
        assert third.recv(100) == b"hello\n"
        for number, client in enumerate((first, second, third)):
            client.sendall(b"%d\n" % number)
            assert everything(client) == f"got {number}\n"


if __name__ == "__main__":
    main(policyd_spf_runs_as_its_own_user, a_command_has_a_user_three_streams_and_its_time, clients_wait_for_a_place_and_a_reload_waits_for_clients)
