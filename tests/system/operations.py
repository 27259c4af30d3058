#!/usr/bin/env python3
"""What administrators do to a system with mail in it: reload, mend a service, requeue while it is down; and what it does to itself:
compaction, giving up an agent that says nothing."""
import os, pathlib, re, smtplib, socket, sys, threading, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, can_connect, free_port, main, wait_for

ROOT = os.geteuid() == 0


def send(port, recipient, body="hello\n", subject="test", count=1):
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        for n in range(count):
            client.sendmail("me@example.org", [recipient], f"Subject: {subject}\nX-Number: {n}\n\n{body}")


def queued(system):
    """Queue IDs of all messages, by queue."""
    import json
    found = {}
    for line in system.output("postqueue", "-j").splitlines():
        row = json.loads(line)
        found.setdefault(row["queue_name"], []).append(row["queue_id"])
    return found


def edit(system, old, new, name="main.cf"):
    path = system.etc / name
    text = path.read_text()
    assert old in text, f"{old!r} is not in {name}"
    path.write_text(text.replace(old, new))


def reload(system):
    before = system.log().count("reload -- version")
    assert system.command("postfix", "-c", system.etc, "reload", stderr=-3).returncode == 0
    wait_for(lambda: system.log().count("reload -- version") > before, "the reload", system)


def logged(system, pattern, what, seconds=20):
    wait_for(lambda: re.search(pattern, system.log()), what, system, seconds)


def a_reload_reads_tables_that_only_root_can_read():
    with System({"transport_maps": "inline:{box.test=smtp:[127.0.0.1]:1}"}) as system:
        send(system.port, "user1@box.test")
        logged(system, r"status=deferred \(connect to", "the first transport")
        secret = system.home / "secret"  # a folder that the first configuration does not name
        secret.mkdir(mode=0o700)
        table = secret / "transport"
        table.write_text("box.test virtual:\n")
        table.chmod(0o600)
        edit(system, "inline:{box.test=smtp:[127.0.0.1]:1}", f"texthash:{table}")
        reload(system)
        wait_for(lambda: system.command("postqueue", "-f") and time.sleep(0.2) or system.maildir("user1"), "delivery by the new table", system, 20)
        assert "lookup error" not in system.log() and "old configuration stays" not in system.log()


def a_reload_with_an_error_changes_nothing():
    with System() as system:
        edit(system, "virtual_mailbox_domains = box.test", "virtual_mailbox_domains = box.test\nminimal_backoff_time = 1x")
        system.command("postfix", "-c", system.etc, "reload", stderr=-3)
        send(system.port, "user1@box.test")
        wait_for(lambda: system.maildir("user1"), "delivery", system, 20)
        logged(system, "minimal_backoff_time: bad time value or unit: 1x", "the reason")


def reloads_disturb_no_delivery():
    """Mail that an agent is being sent while it makes way for its successor goes on without being deferred."""
    with System() as system:
        sender = threading.Thread(target=send, args=(system.port, "user1@box.test"), kwargs={"count": 600})
        sender.start()
        reloads = 0
        while sender.is_alive():
            reload(system)
            reloads += 1
        sender.join()
        wait_for(lambda: len(system.maildir("user1")) == 600, "all of the mail", system, 60)
        assert reloads > 1
        assert "status=deferred" not in system.log() and "premature disconnect" not in system.log()


def a_faulty_service_fails_alone_and_is_mended_by_a_reload():
    port = free_port(3600)
    with System(master=f"127.0.0.1:{port} inet n - n - - smtpd -o smtpd_recipient_limit=many\n") as system:
        waiting = socket.create_connection(("127.0.0.1", port), 5)
        waiting.settimeout(20)
        logged(system, r"smtpd\[\d+\]: fatal: bad numerical configuration: smtpd_recipient_limit = many", "its end")
        logged(system, r"master\[\d+\]: warning: /\S*/smtpd: bad command startup -- throttling", "the throttle")
        send(system.port, "user1@box.test")
        wait_for(lambda: system.maildir("user1"), "mail through the other service", system, 20)
        edit(system, "=many", "=10", "master.cf")
        reload(system)
        assert waiting.recv(100).startswith(b"220 "), "the client that waited is served"
        waiting.close()


def an_agent_that_says_nothing_is_given_up():
    """The agent's settings are wrong: its socket takes requests, and nobody reads them."""
    main_cf = {"transport_maps": "inline:{quiet.test=quiet:}", "daemon_timeout": "3s", "minimal_backoff_time": "300s"}
    with System(main_cf, "quiet unix - - n - - smtp -o smtp_connect_timeout=1x\n") as system:
        send(system.port, "someone@quiet.test")
        send(system.port, "user1@box.test")
        wait_for(lambda: system.maildir("user1"), "mail to others", system, 20)
        logged(system, r"private/quiet socket: no answer within 3 seconds", "the end of qmgr's patience")
        wait_for(lambda: queued(system).get("deferred"), "the message among the deferred", system, 20)


def postsuper_requeues_while_the_system_is_down():
    with System({"transport_maps": "inline:{box.test=smtp:[127.0.0.1]:1}"}) as system:
        send(system.port, "user1@box.test", count=5)
        wait_for(lambda: len(queued(system).get("deferred", [])) == 5, "five deferred messages", system)
        system.stop()
        edit(system, "inline:{box.test=smtp:[127.0.0.1]:1}", "inline:{box.test=virtual:}")
        done = system.command("postsuper", "-r", "ALL", stderr=-1)
        assert done.returncode == 0 and "Requeued: 5 messages" in done.stderr, done.stderr
        system.start()
        wait_for(lambda: len(system.maildir("user1")) == 5, "all of them in the mailbox", system, 30)
        system.drain()
        for path in system.maildir("user1"):
            assert path.read_text().endswith("\n\nhello\n")


def postsuper_changes_the_queue_while_the_system_is_down():
    with System({"transport_maps": "inline:{box.test=smtp:[127.0.0.1]:1}"}) as system:
        send(system.port, "user1@box.test", count=3)
        wait_for(lambda: len(queued(system).get("deferred", [])) == 3, "three deferred messages", system)
        system.stop()
        one, two, three = sorted(queued(system)["deferred"])
        assert system.command("postsuper", "-h", one, stderr=-3).returncode == 0
        assert system.command("postsuper", "-d", two, stderr=-3).returncode == 0
        assert "Subject: test" in system.output("postcat", "-q", three)
        system.start()
        found = queued(system)
        assert found.get("hold") == [one] and two not in str(found), found
        system.command("postsuper", "-H", one, stderr=-3)
        wait_for(lambda: not queued(system).get("hold"), "the message off hold", system)


def records_with(system, text):
    """The folders of segments in which a text is found."""
    found = set()
    for path in (system.queue / "segments").glob("*/*"):
        if text in path.read_bytes():
            found.add(path.parent.name)
    return found


def sparse_segments_are_compacted():
    """Many messages go, a few wait: these are copied together, and their segments used again."""
    main_cf = {"transport_maps": "inline:{far.test=discard:, stay.test=smtp:[127.0.0.1]:1}", "minimal_backoff_time": "3000s"}
    body = "0123456789abcdef" * 4 + "\n"
    with System(main_cf) as system:
        send(system.port, "wait0@stay.test", "the body of number 0\n", "stays 0")
        homes = records_with(system, b"the body of number 0")  # before the system has a minute to look for sparse segments
        for n in range(1, 4):
            send(system.port, "gone@far.test", body * 500, count=400)
            send(system.port, f"wait{n}@stay.test", f"the body of number {n}\n", f"stays {n}")
        wait_for(lambda: len(queued(system).get("deferred", [])) == 4 and not queued(system).get("active"), "calm", system, 120)
        ids = sorted(queued(system)["deferred"])
        wait_for(lambda: records_with(system, b"the body of number 0") - homes, "a copy elsewhere", system, 150)
        assert sorted(queued(system)["deferred"]) == ids
        for n, queue_id in enumerate(ids):
            assert "the body of number" in system.output("postcat", "-q", queue_id)
        system.stop()
        edit(system, "stay.test=smtp:[127.0.0.1]:1", "stay.test=virtual:")
        edit(system, "virtual_mailbox_domains = box.test", "virtual_mailbox_domains = box.test, stay.test")
        (system.etc / "boxes").write_text("".join(f"wait{n}@stay.test stay/\n" for n in range(4)))
        system.start()
        system.command("postqueue", "-f")
        wait_for(lambda: len(system.maildir("stay")) == 4, "all four after a restart", system, 30)
        bodies = sorted(path.read_text().split("\n\n", 1)[1] for path in system.maildir("stay"))
        assert bodies == [f"the body of number {n}\n" for n in range(4)], bodies


if __name__ == "__main__":
    tests = [a_reload_with_an_error_changes_nothing, reloads_disturb_no_delivery, a_faulty_service_fails_alone_and_is_mended_by_a_reload,
             an_agent_that_says_nothing_is_given_up, postsuper_requeues_while_the_system_is_down,
             postsuper_changes_the_queue_while_the_system_is_down, sparse_segments_are_compacted]
    if ROOT:
        tests.insert(0, a_reload_reads_tables_that_only_root_can_read)
    main(*tests)
