#!/usr/bin/env python3
"""TLS with real programs: OpenSSL, swaks, curl, Python and ourselves at the other end; hostile clients; tickets; keys; reload."""
import os, pathlib, shutil, signal, smtplib, socket, ssl, struct, subprocess, sys, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, free_port, main, skip, wait_for

for program in ("openssl", "swaks"):
    if not shutil.which(program):
        skip(f"{program} is not installed")


def certificate(folder, name, kind="rsa:2048", serial=1):
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] if kind == "ec" else ["-newkey", kind]
    subprocess.run(["openssl", "req", "-x509", *new, "-nodes", "-keyout", key, "-out", pem, "-days", "30", "-subj", f"/CN={name}",
                    "-set_serial", str(serial), "-addext", "basicConstraints=critical,CA:FALSE"], check=True, stderr=subprocess.DEVNULL)
    return pem, key


def context(high=None):
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    if high:
        c.maximum_version = high
    return c


class Tls(System):
    """A system with a certificate, STARTTLS, and a second service with TLS from the first byte."""

    def __init__(self, **main):
        self.second = free_port(3100)
        settings = dict(smtpd_tls_security_level="may", smtpd_tls_loglevel="1", smtpd_tls_received_header="yes",
                        smtp_tls_security_level="may", smtp_tls_loglevel="1", smtpd_tls_session_cache_timeout="600s")
        super().__init__({**settings, **main}, f"127.0.0.1:{self.second} inet n - n - - smtpd\n  -o smtpd_tls_wrappermode=yes\n")
        pem, key = certificate(self.etc, "server")
        with open(self.etc / "main.cf", "a") as f:
            f.write(f"smtpd_tls_cert_file = {pem}\nsmtpd_tls_key_file = {key}\n")

    def starttls(self, **kw):
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=20)
        client.ehlo("client.example")
        code, text = client.docmd("STARTTLS")
        assert code == 220, text
        client.sock = context(**kw).wrap_socket(client.sock)
        client.file = None
        client.ehlo("client.example")
        return client

    def serial(self):
        """Of the certificate that a new connection is shown."""
        client = self.starttls()
        der = client.sock.getpeercert(binary_form=True)
        client.quit()
        out = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-serial"], input=der, stdout=subprocess.PIPE).stdout
        return out.decode().strip()

    def named(self, program):
        """Of this system, by the name in the process table."""
        return [pid for pid in self.processes() if pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode() == program]


def programs_come_in():
    with Tls() as system:
        for high in (None, ssl.TLSVersion.TLSv1_2):
            client = system.starttls(high=high)
            client.sendmail("a@example.org", ["user1@box.test"], "Subject: python\n\nhello\n")
            client.quit()
        with smtplib.SMTP_SSL("127.0.0.1", system.second, context=context()) as client:
            client.sendmail("a@example.org", ["user1@box.test"], "Subject: wrapped\n\nhello\n")
        done = subprocess.run(["swaks", "--server", f"127.0.0.1:{system.port}", "-tls", "--from", "a@example.org", "--to", "user1@box.test"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{system.port}", "-starttls", "smtp", "-quiet"], input="QUIT\r\n",
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=20)
        assert "221 2.0.0 Bye" in done.stdout, done.stdout
        wait_for(lambda: len(system.maildir("user1")) == 4, "four messages", system, 15)
        headers = [path.read_text() for path in system.maildir("user1")]
        assert all("(using TLSv1." in h and "ESMTPS id" in h for h in headers), headers


def we_send_to_ourselves():
    """Both ends are ours: post-quantum key exchange without anybody asking for it."""
    with Tls() as receiver:
        with Tls(relayhost=f"[127.0.0.1]:{receiver.port}", virtual_mailbox_domains="") as sender:
            with smtplib.SMTP("127.0.0.1", sender.port) as client:
                client.sendmail("a@example.org", ["user2@box.test"], "Subject: onward\n\nhello\n")
            wait_for(lambda: receiver.maildir("user2"), "the message", receiver, 15)
            assert "key-exchange X25519MLKEM768" in sender.log(), sender.log()


def session(system, port, file, use=False, starttls=True):
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-sess_in" if use else "-sess_out", file, *(["-starttls", "smtp"] if starttls else [])]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    time.sleep(0.7)
    out, _ = process.communicate("QUIT\r\n", timeout=20)
    return out


def tickets_belong_to_their_service():
    with Tls() as system:
        file = str(system.home / "session")
        session(system, system.port, file)
        assert os.path.exists(file)
        assert "Reused, TLSv1.3" in session(system, system.port, file, use=True)
        session(system, system.port, file)
        assert "Reused" not in session(system, system.second, file, use=True, starttls=False)


def keys_stay_where_they_are():
    if os.geteuid() != 0:
        return
    with Tls() as system:
        system.starttls().quit()
        der = subprocess.run(["openssl", "pkey", "-in", system.etc / "server.key", "-outform", "DER"], stdout=subprocess.PIPE).stdout
        text = (system.etc / "server.key").read_bytes().splitlines()
        secrets = [der[-200:-160], text[10]]
        public = subprocess.run(["openssl", "x509", "-in", system.etc / "server.pem", "-outform", "DER"], stdout=subprocess.PIPE).stdout[100:160]
        sees_certificate = False
        assert len(system.named("tlsmgr")) == 1 and system.named("smtpd")
        for pid in system.named("smtpd"):
            with open(f"/proc/{pid}/mem", "rb") as memory:
                for line in open(f"/proc/{pid}/maps"):
                    start, end = (int(x, 16) for x in line.split()[0].split("-"))
                    if line.split()[1][0] != "r" or "[v" in line:
                        continue
                    memory.seek(start)
                    try:
                        held = memory.read(end - start)
                    except OSError:
                        continue
                    sees_certificate |= public in held
                    assert not any(secret in held for secret in secrets), f"smtpd has the key in {line}"
        assert sees_certificate, "this search finds nothing, not even what must be there"


def reload_takes_new_certificates_over():
    with Tls() as system:
        before = system.serial()
        encrypted, plain = system.starttls(), smtplib.SMTP("127.0.0.1", system.port)
        plain.ehlo("client.example")
        certificate(system.etc, "server", serial=4711)
        system.command("postfix", "reload")
        wait_for(lambda: system.serial() != before, "the new certificate", system, 15)
        # Sessions from before go on, also those that only now begin to encrypt: by the old key.
        encrypted.sendmail("a@example.org", ["user3@box.test"], "Subject: before\n\nhello\n")
        encrypted.quit()
        plain.starttls(context=context())
        plain.sendmail("a@example.org", ["user3@box.test"], "Subject: between\n\nhello\n")
        plain.quit()
        wait_for(lambda: len(system.maildir("user3")) == 2, "both messages", system, 15)


def a_key_holder_that_dies_is_replaced():
    with Tls() as system:
        system.starttls().quit()
        for pid in system.named("tlsmgr"):
            os.kill(pid, signal.SIGKILL)

        def works():
            try:
                system.starttls().quit()
                return True
            except (OSError, smtplib.SMTPException, AssertionError):
                return False
        wait_for(works, "a handshake", system, 15)


def hostile_clients():
    """They cost themselves their connection, and nobody else anything."""
    with Tls(smtpd_starttls_timeout="2s") as system:
        def begin(port, starttls=True):
            s = socket.create_connection(("127.0.0.1", port), 20)
            if starttls:
                f = s.makefile("rb")
                f.readline()
                s.sendall(b"EHLO x\r\n")
                while f.readline()[3:4] == b"-":
                    pass
                s.sendall(b"STARTTLS\r\n")
                assert f.readline().startswith(b"220")
            return s
        started = time.time()
        held = [begin(system.port) for _ in range(20)] + [begin(system.second, False) for _ in range(20)]
        attacks = [b"\x16\x03\x01\x40\x00" + b"\x01" * 100, b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff", b"GET / HTTP/1.0\r\n\r\n", b"\x80" * 70000, b"\x15\x03\x03\x00\x02\x02\x28",
                   b"\x16\x03\x01\x00\x00" * 1000, b"\x17\x03\x03\x40\x00" + b"x" * 0x4000, b"\0" * 1000]
        for attack in attacks:
            for s in (begin(system.port), begin(system.second, False)):
                try:
                    s.sendall(attack)
                    s.shutdown(socket.SHUT_WR)
                    s.settimeout(10)
                    while s.recv(4096):
                        pass
                except OSError:
                    pass
                s.close()
            system.starttls().quit()
        slow = begin(system.second, False)
        for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc":
            try:
                slow.send(bytes([byte]))
            except OSError:
                break
            time.sleep(0.4)
        for s in [*held, slow]:
            s.settimeout(10)
            try:
                while s.recv(4096):
                    pass
            except ConnectionError:
                pass
            s.close()
        assert time.time() - started < 30
        system.starttls().quit()
        assert "panic" not in system.log(), system.log()


def audit_2026_07_13_clients_that_vanish_mid_handshake():
    """Each connection is closed once, wherever its client leaves: descriptors of others are not touched, and none is left."""
    with Tls() as system:
        hello = ssl.MemoryBIO()
        try: context().wrap_bio(ssl.MemoryBIO(), hello).do_handshake()
        except ssl.SSLWantReadError: pass
        hello = hello.read()
        def descriptors():
            return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in system.named("smtpd"))
        other = system.starttls()
        before = descriptors()
        for length in (0, 1, 5, 6, 40, len(hello) - 1, len(hello)):
            for reset in (False, True):
                s = socket.create_connection(("127.0.0.1", system.second))
                s.sendall(hello[:length])
                if reset: s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                s.close()
            assert other.noop()[0] == 250
        wait_for(lambda: descriptors() <= before, "the end of those connections", system)
        other.sendmail("a@example.org", ["user1@box.test"], "Subject: still here\n\nhello\n")
        other.quit()
        wait_for(lambda: system.maildir("user1"), "the message", system)
        assert "panic" not in system.log(), system.log()


def cost():
    """How long handshakes take, key holder included: for those who look."""
    with Tls() as system:
        c = context()
        for kind in ("rsa:2048", "ec"):
            if kind == "ec":
                certificate(system.etc, "server", kind="ec", serial=2)
                system.command("postfix", "reload")
                time.sleep(1.5)
            count, started = 100, time.time()
            for _ in range(count):
                with socket.create_connection(("127.0.0.1", system.second)) as s, c.wrap_socket(s) as t:
                    t.recv(100)
            print(f"  {kind}: {1000 * (time.time() - started) / count:.2f} ms a handshake, client included")


if __name__ == "__main__":
    main(programs_come_in, we_send_to_ourselves, tickets_belong_to_their_service, keys_stay_where_they_are, reload_takes_new_certificates_over,
         a_key_holder_that_dies_is_replaced, hostile_clients, audit_2026_07_13_clients_that_vanish_mid_handshake, cost)
