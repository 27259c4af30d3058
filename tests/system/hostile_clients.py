#!/usr/bin/env python3
"""Clients that mean harm, at every stage of the dialogue: silent, endless, in the middle of TLS or of a chunk, after a refusal, deaf to replies. Time
and memory are bounded, and honest clients notice nothing."""
import os, pathlib, smtplib, socket, ssl, sys, threading, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, main, wait_for
from smuggling import certificate

CROWD = 8  # of each kind
SENT_MOST = 64 << 20  # bytes that one client sends before it has had its say
MEMORY_MOST = 96 << 20  # growth of the service's memory with all of them connected


def memory(system):
    """Anonymous memory of smtpd."""
    total = 0
    for pid in system.processes():
        try:
            if b"smtpd" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                total += sum(int(l.split()[1]) << 10 for l in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if l.startswith("RssAnon"))
        except OSError: pass
    return total


BEGIN = (b"EHLO c.example\r\n", b"MAIL FROM:<a@z.example>\r\n", b"RCPT TO:<user1@box.test>\r\n")
# What each does after which commands: bytes to be sent once, and bytes to be sent without end.
KINDS = {
    "silent at once": ((), b"", b""),
    "silent in a command": (BEGIN[:1], b"MAIL FR", b""),
    "silent in DATA": (BEGIN + (b"DATA\r\n",), b"Subject: never\r\n\r\nx", b""),
    "silent in BDAT": (BEGIN, b"BDAT 100000\r\nSubject: never", b""),
    "silent after STARTTLS": (BEGIN[:1] + (b"STARTTLS\r\n",), b"", b""),
    "silent in a handshake": (BEGIN[:1] + (b"STARTTLS\r\n",), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b""),
    "endless command": ((), b"", b"x" * 65536),
    "endless commands": (BEGIN[:1], b"", b"VRFY nobody\r\n" * 5000),
    "endless nonsense": ((), b"", b"\0\r\n\xff\xfe\r\nFOO BAR\r\n" * 3000),
    "endless recipients": (BEGIN[:2], b"", b"RCPT TO:<user1@box.test>\r\n" * 2500),
    "endless refused recipients": (BEGIN[:2], b"", b"RCPT TO:<nobody@elsewhere.example>\r\n" * 1500),
    "endless line in DATA": (BEGIN + (b"DATA\r\n",), b"", b"y" * 65536),
    "endless lines in DATA": (BEGIN + (b"DATA\r\n",), b"Subject: long\r\n\r\n", b"z" * 70 + b"\r\n"),
    "endless header": (BEGIN + (b"DATA\r\n",), b"", b"X-Header: " + b"h" * 60 + b"\r\n"),
    "endless chunk": (BEGIN, b"BDAT 9000000000000000000\r\n", b"b" * 65536),
    "endless small chunks": (BEGIN, b"", b"BDAT 1\r\nx" * 5000),
    "endless chunks after an error": (BEGIN[:1], b"", b"BDAT 10000\r\n" + b"e" * 10000),
    "endless handshake": (BEGIN[:1] + (b"STARTTLS\r\n",), b"", b"\x16\x03\x01\x40\x00" + b"\1" * 16384),
    "endless AUTH": (BEGIN[:1], b"", b"AUTH PLAIN " + b"A" * 60000 + b"\r\n"),
    "endless after QUIT": (BEGIN[:1] + (b"QUIT\r\n",), b"", b"q" * 65536),
}


class Hostile(threading.Thread):
    """One of them: never reads more than it must, so that replies pile up."""

    def __init__(self, port, kind):
        super().__init__(daemon=True); self.port, self.kind, self.over = port, kind, None; self.start()

    def run(self):
        commands, once, more = KINDS[self.kind]
        try:
            with socket.create_connection(("127.0.0.1", self.port), 30) as s:
                s.settimeout(90); s.recv(1)
                for c in commands: s.sendall(c); s.recv(1)
                s.sendall(once); sent = 0
                while more and sent < SENT_MOST: s.sendall(more); sent += len(more)
                if sent >= SENT_MOST: self.over = "had its say"; return
                while s.recv(65536): pass
            self.over = "closed"
        except (ConnectionError, BrokenPipeError): self.over = "cut"
        except TimeoutError: self.over = "still there"


def honest(system, user, subject):
    with smtplib.SMTP("127.0.0.1", system.port, timeout=60) as client:
        client.sendmail("me@example.org", [f"{user}@box.test"], f"Subject: {subject}\n\nhonest\n")


def hostile_clients_at_every_stage():
    system = System(dict(smtpd_timeout="3s", smtpd_starttls_timeout="3s", smtpd_tls_security_level="may", message_size_limit="4000000", smtpd_recipient_limit="500", default_process_limit="300",
                         smtpd_client_connection_count_limit="0", virtual_mailbox_limit="0", virtual_transport="virtual"))
    pem, key = certificate(system.etc)
    with open(system.etc / "main.cf", "a") as f: f.write(f"smtpd_tls_cert_file = {pem}\nsmtpd_tls_key_file = {key}\n")
    with system:
        honest(system, "user5", "before"); wait_for(lambda: system.maildir("user5"), "the first honest message", system)
        least, most, done = memory(system), 0, threading.Event()
        def watch():
            nonlocal most
            while not done.is_set(): most = max(most, memory(system)); time.sleep(0.2)
        watcher = threading.Thread(target=watch); watcher.start()
        crowd = [Hostile(system.port, kind) for kind in KINDS for _ in range(CROWD)]
        for i in range(10): honest(system, "user6", f"among them {i}")
        for one in crowd:
            one.join(150); assert not one.is_alive(), f"{one.kind}: no end"
        done.set(); watcher.join()
        stuck = [one.kind for one in crowd if one.over == "still there"]
        assert not stuck, f"these were not turned away: {sorted(set(stuck))}"
        assert most - least < MEMORY_MOST, f"{(most - least) >> 20} MiB more with {len(crowd)} hostile clients"
        wait_for(lambda: len(system.maildir("user6")) == 10, "what honest clients sent meanwhile", system)
        honest(system, "user7", "after"); wait_for(lambda: system.maildir("user7"), "the last honest message", system)
        log = system.log()
        assert "panic:" not in log and "fatal:" not in log, [l for l in log.splitlines() if "panic:" in l or "fatal:" in l][:5]
        assert not system.maildir("user1"), "something half-sent was delivered"
        wait_for(lambda: memory(system) - least < MEMORY_MOST // 2, "the memory to come back", system)


class Slow(threading.Thread):
    """A next hop that lets a client wait for its greeting until it may go on, and then wants it to come again later."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener, self.calls, self.go_on = socket.create_server(("127.0.0.1", 0)), 0, threading.Event()
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            c, _ = self.listener.accept()
            self.calls += 1
            self.go_on.wait(120)
            try: c.sendall(b"421 4.3.2 later\r\n")
            except OSError: pass
            c.close()


def audit_2026_07_20_duplicate_etrn():
    """A thousand ETRN for a site whose mail is on its way: they make one more attempt, not a thousand."""
    hop = Slow()
    settings = dict(mydestination="", relay_domains="site.test", transport_maps=f"inline:{{site.test=smtp:[127.0.0.1]:{hop.port}}}", smtpd_soft_error_limit="10000", smtpd_hard_error_limit="10000", smtpd_junk_command_limit="10000", smtp_host_lookup="native")
    with System(settings) as system:
        with smtplib.SMTP("127.0.0.1", system.port, timeout=60) as client:
            client.sendmail("me@example.org", ["them@site.test"], "Subject: waits\n\nx\n")
            wait_for(lambda: hop.calls == 1, "the first attempt", system)
            for _ in range(1000):
                code, text = client.docmd("ETRN", "site.test")
                assert code == 250, (code, text)
        hop.go_on.set()
        wait_for(lambda: system.log().count("status=deferred") > 0, "the end of the first attempt", system)
        # A thousand attempts at a hop that answers at once would take no time.
        honest(system, "user8", "behind them"); wait_for(lambda: system.maildir("user8"), "mail for others", system)
        time.sleep(2)
        assert hop.calls <= 3, f"{hop.calls} attempts"


if __name__ == "__main__":
    main(hostile_clients_at_every_stage, audit_2026_07_20_duplicate_etrn)
