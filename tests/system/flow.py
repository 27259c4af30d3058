#!/usr/bin/env python3
"""A thousand messages through to smtp-sink and to maildirs: none missing, none twice, every body whole; ten
thousand clients that only wait."""
import hashlib, os, pathlib, random, re, resource, smtplib, socket, subprocess, sys, tempfile, threading
sys.path.insert(0, os.path.dirname(__file__))
from common import System, end, free_port, main, skip, wait_for, can_connect

REFERENCE = pathlib.Path(os.environ.get("REFERENCE", "/tmp/reference"))
SOURCE, SINK = (REFERENCE / "usr/sbin" / name for name in ("smtp-source", "smtp-sink"))
if not SOURCE.exists():
    skip(f"no smtp-source below {REFERENCE}: stage Debian's postfix there, or set REFERENCE")
ENV = dict(os.environ, LD_LIBRARY_PATH=str(REFERENCE / "usr/lib/postfix"), MAIL_CONFIG=str(REFERENCE / "etc/postfix"))


def bodies(count, seed):
    """Messages of many shapes: empty, long lines, dots, 8-bit, large."""
    chance = random.Random(seed)
    for i in range(count):
        lines = []
        for _ in range(chance.choice((0, 1, 5, 40, 400))):
            length = chance.choice((0, 1, 60, 72, 500, 990))
            # A line of more than 998 bytes may be broken on its way (RFC 5321 section 4.5.3.1.6).
            letters = "abcdefghij .,é€" if length <= 72 else "abcdefghij .,"
            line = "".join(chance.choice(letters) for _ in range(length)).rstrip() + "$"
            lines.append(chance.choice(("", ".", "..", "From ")) + line)
        yield i, "\n".join(lines) + "\n"


def send_all(port, messages, recipient, sessions=10):
    """Gives the messages in over several sessions at once."""
    work = list(messages)
    def session(part):
        with smtplib.SMTP("127.0.0.1", port) as client:
            for i, body in part:
                text = f"Subject: n{i}\nX-Number: {i}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{body}"
                client.sendmail("me@example.org", [recipient(i)], text.encode(), mail_options=["BODY=8BITMIME"])
    threads = [threading.Thread(target=session, args=(work[n::sessions],)) for n in range(sessions)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return work


def check(files, messages, count):
    """Each message is there exactly once, with its body unchanged."""
    seen = {}
    for path in files:
        text = path.read_bytes().replace(b"\r\n", b"\n")
        number = int(re.search(rb"^X-Number: (\d+)$", text, re.M).group(1))
        assert number not in seen, f"message {number} came twice"
        seen[number] = text.split(b"\n\n", 1)[1]
    assert len(seen) == count, f"{len(seen)} of {count} messages"
    for number, body in messages:
        assert seen[number].rstrip(b"\n") == body.encode().rstrip(b"\n"), f"message {number} differs"


def a_thousand_into_maildirs():
    with System() as system:
        work = send_all(system.port, bodies(1000, 1), lambda i: f"user{i % 20}@box.test")
        system.drain()
        check([p for n in range(20) for p in system.maildir(f"user{n}")], work, 1000)


def a_thousand_to_the_sink():
    port = free_port(3100)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        sink = subprocess.Popen([SINK, "-u", "nobody", "-d", f"{folder}/%M.", f"127.0.0.1:{port}", "200"], env=ENV)
        try:
            wait_for(lambda: can_connect(port), "smtp-sink")
            with System({"relayhost": f"[127.0.0.1]:{port}"}) as system:
                work = send_all(system.port, bodies(1000, 2), lambda i: f"u{i}@far.test")
                system.drain()
            check([p for p in pathlib.Path(folder).iterdir() if p.stat().st_size], work, 1000)
        finally:
            end(sink)


def smtp_source_is_served():
    with System({"default_transport": "discard:"}) as system:
        for extra in ([], ["-d"], ["-o"]):
            done = subprocess.run([SOURCE, *extra, "-s", "20", "-m", "1000", "-l", "4096", "-t", "u@far.test", f"127.0.0.1:{system.port}"], env=ENV, timeout=60)
            assert done.returncode == 0
        system.drain()
        sent = len(re.findall(r"status=sent", system.log()))
        assert sent == 3000, f"{sent} of 3000 messages"


def ten_thousand_idle_clients():
    """They are all greeted, and mail gets through between them."""
    count = 10_000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with System({"default_process_limit": "11000", "smtpd_client_connection_count_limit": "0"}) as system:
        clients = [socket.create_connection(("127.0.0.1", system.port), 60) for _ in range(count)]
        for client in clients:
            assert client.recv(200).startswith(b"220 "), "no greeting"
        send_all(system.port, bodies(20, 3), lambda i: f"user{i % 20}@box.test")
        system.drain()
        for client in clients[::500]:
            client.sendall(b"NOOP\r\n")
            assert client.recv(200).startswith(b"250 "), "an idle client was forgotten"
        for client in clients:
            client.close()


if __name__ == "__main__":
    main(a_thousand_into_maildirs, a_thousand_to_the_sink, smtp_source_is_served, ten_thousand_idle_clients)
