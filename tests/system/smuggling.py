#!/usr/bin/env python3
"""Nobody smuggles a message in or out: sixteen ends of data through a real smtpd, plain and encrypted, past content filters and PROXY headers, and what
smtp makes of content with stray line ends. One 354 is one message, there and at the next hop."""
import os, pathlib, re, socket, ssl, subprocess, sys, threading
sys.path.insert(0, os.path.dirname(__file__))
from common import System, free_port, main, wait_for

ENDS = [b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\r\n.\r\n", b"\n.\r\r\n", b"\n\n.\r\n", b"\r\n.\r\n"]
SMUGGLED = b"MAIL FROM:<evil@z.example>\r\nRCPT TO:<user2@box.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n"


class Client:
    """One session; replies are read one by one."""

    def __init__(self, port, wrapper=False, before=b""):
        self.s = socket.create_connection(("127.0.0.1", port), 30); self.buffer = b""; self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if before: self.s.sendall(before)
        if wrapper: self.encrypt()
        assert self.reply().startswith("220"), "no greeting"

    def encrypt(self):
        c = ssl.create_default_context(); c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
        self.s = c.wrap_socket(self.s); self.buffer = b""

    def reply(self):
        while True:
            if b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                if line[3:4] != b"-": return line.decode().strip()
                continue
            try: more = self.s.recv(65536)
            except OSError: more = b""
            if not more: return "(closed)"
            self.buffer += more

    def ask(self, what):
        self.s.sendall(what if isinstance(what, bytes) else what.encode() + b"\r\n"); return self.reply()

    def begin(self):
        assert self.ask("MAIL FROM:<a@z.example>").startswith("250"); assert self.ask("RCPT TO:<user1@box.test>").startswith("250")

    def quiet(self, command="HELP", code="214"):
        """Everything that comes up to the reply of another command."""
        self.s.sendall(command.encode() + b"\r\n"); replies = []
        while not replies or not replies[-1].startswith((code, "(closed)")): replies.append(self.reply())
        return replies[:-1]


class Sink:
    """A server that takes everything, counts what is a message to it, and keeps the bytes as they came."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0)); self.port = self.listener.getsockname()[1]; self.raw, self.commands = [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            c, _ = self.listener.accept(); threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        f = c.makefile("rwb")
        def say(t): f.write(t + b"\r\n"); f.flush()
        say(b"220 sink")
        for line in f:
            self.commands.append(line); word = line[:4].upper()
            if word == b"DATA":
                say(b"354 go"); content = b""
                # The end of data as the laxest server would see it would be found by looking into the bytes: here it is RFC 5321's.
                while not (b"\r\n" + content).endswith(b"\r\n.\r\n"):
                    piece = f.readline()
                    if not piece: return
                    content += piece
                self.raw.append(content); say(b"250 taken")
            elif word == b"QUIT": say(b"221 bye"); return
            elif word in (b"EHLO",): say(b"250-sink\r\n250 8BITMIME")
            else: say(b"250 ok")


def is_clean(content):
    """One end of data, at the end; no line end but CRLF."""
    stream = b"\r\n" + content
    return stream.count(b"\r\n.\r\n") == 1 and content.endswith(b".\r\n") and not re.search(rb"(?<!\r)\n|\r(?!\n)", stream)


def certificate(folder):
    key, pem = folder / "server.key", folder / "server.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", pem, "-days", "30", "-subj", "/CN=server"], check=True, stderr=subprocess.DEVNULL)
    return pem, key


RULES = ("no", "normalize", "yes", "note", "reject")


def ends_of_data_over_sockets():
    """Each end in DATA, BDAT and BDAT LAST; plain, STARTTLS and wrapper mode; every rule, the client excepted or not."""
    ports, lines, at = {}, "", free_port(4000)
    for rule in RULES:
        for excepted in (False, True):
            for wrapper in (False, True):
                at = free_port(at + 1); ports[rule, excepted, wrapper] = at
                lines += f"127.0.0.1:{at} inet n - n - - smtpd\n  -o smtpd_forbid_bare_newline={rule}\n  -o smtpd_forbid_bare_newline_exclusions={'127.0.0.1' if excepted else ''}\n  -o smtpd_tls_wrappermode={'yes' if wrapper else 'no'}\n"
    system = System(dict(smtpd_tls_security_level="may", smtpd_forbid_unauth_pipelining="no", smtpd_hard_error_limit="100000", smtpd_soft_error_limit="100000", default_transport="discard:", virtual_transport="discard:"), lines)
    pem, key = certificate(system.etc)
    with open(system.etc / "main.cf", "a") as f: f.write(f"smtpd_tls_cert_file = {pem}\nsmtpd_tls_key_file = {key}\n")
    cases = 0
    with system:
        for (rule, excepted, wrapper), port in ports.items():
            lax = rule == "no" or excepted; refuses = rule == "reject" and not excepted
            for starttls in (False, True) if not wrapper else (False,):
                client = Client(port, wrapper)
                assert (client.ask(b"EHLO c.example\r\n")).startswith("250")
                if starttls: assert client.ask("STARTTLS").startswith("220"); client.encrypt(); client.ask("EHLO c.example")
                for end in ENDS:
                    content = b"Subject: a\r\n\r\nbefore" + end + SMUGGLED
                    client.begin(); assert client.ask("DATA").startswith("354")
                    client.s.sendall(content[:len(content) // 3]); client.s.sendall(content[len(content) // 3:])
                    told = client.quiet()
                    ended = re.search(rb"\n\.\r*\n" if lax else rb"\r\n\.\r\n", b"\r\n" + content)
                    split = (b"\r\n" + content)[ended.end():].startswith(b"MAIL")
                    bare = re.search(rb"(?<!\r)\n", (b"\r\n" + content)[:ended.end()])
                    queued = sum("queued as" in t for t in told); started = sum(t.startswith("354") for t in told)
                    assert started == split and queued == 1 + split - bool(refuses and bare), (rule, excepted, wrapper, starttls, end, told)
                    for last in (True, False):
                        client.begin(); client.s.sendall(b"BDAT %d%s\r\n" % (len(content), b" LAST" if last else b"") + content + (b"" if last else b"BDAT 0 LAST\r\n"))
                        told = client.quiet(); all_bare = re.search(rb"(?<!\r)\n", content)
                        assert sum("queued as" in t for t in told) == (not (refuses and all_bare)) and not any(t.startswith("354") for t in told), (rule, excepted, end, last, told)
                    cases += 3
                client.ask("QUIT")
    assert cases == 16 * 3 * len(RULES) * 2 * 3, cases


def nothing_is_smuggled_out():
    """Content with every stray line end, by SMTP and by sendmail, arrives as one message; by LMTP and to a content filter, too."""
    hop, filter_ = Sink(), Sink()
    at = free_port(4200)
    with System({"relayhost": f"[127.0.0.1]:{hop.port}", "smtpd_forbid_bare_newline": "no"}, f"127.0.0.1:{at} inet n - n - - smtpd\n  -o content_filter=smtp:[127.0.0.1]:{filter_.port}\n  -o smtpd_forbid_bare_newline=normalize\n") as system:
        sent = 0
        for port in (system.port, at):
            client = Client(port); client.ask("EHLO c.example")
            for end in ENDS:
                # A chunk is content whatever is in it.
                assert client.ask("MAIL FROM:<a@z.example>").startswith("250"); assert client.ask("RCPT TO:<u@far.example>").startswith("250")
                content = b"Subject: out\r\n\r\nbefore" + end + SMUGGLED
                assert "queued as" in client.ask(b"BDAT %d LAST\r\n" % len(content) + content); sent += 1
            client.ask("QUIT")
        for end in ENDS:
            done = subprocess.run([str(system.sbin / "sendmail"), "-i", "-f", "a@z.example", "u@far.example"], input=b"Subject: local\n\nbefore" + end + SMUGGLED, env=system.environment, timeout=60)
            assert done.returncode == 0; sent += 1
        wait_for(lambda: len(hop.raw) + len(filter_.raw) >= sent, "all messages at the next hop", system); system.drain()
        assert len(hop.raw) + len(filter_.raw) == sent, (len(hop.raw), len(filter_.raw), sent)
        for content in hop.raw + filter_.raw: assert is_clean(content), content
        mails = [c for s in (hop, filter_) for c in s.commands if c.upper().startswith(b"MAIL")]
        assert len(mails) == sent and not any(b"evil" in m for m in mails), mails


def commands_that_came_too_early_are_not_obeyed():
    """Behind STARTTLS, behind a PROXY header before the greeting, behind XCLIENT; a second PROXY header is no command."""
    proxy, xclient = free_port(4400), free_port(4450)
    system = System(dict(smtpd_tls_security_level="may"), f"127.0.0.1:{proxy} inet n - n - - smtpd\n  -o smtpd_upstream_proxy_protocol=haproxy\n127.0.0.1:{xclient} inet n - n - - smtpd\n  -o smtpd_authorized_xclient_hosts=127.0.0.1\n")
    pem, key = certificate(system.etc)
    with open(system.etc / "main.cf", "a") as f: f.write(f"smtpd_tls_cert_file = {pem}\nsmtpd_tls_key_file = {key}\n")
    header = b"PROXY TCP4 198.51.100.9 192.0.2.1 1234 25\r\n"
    with system:
        client = Client(system.port); client.ask("EHLO c.example")
        assert client.ask(b"STARTTLS\r\nMAIL FROM:<evil@z.example>\r\nRCPT TO:<user1@box.test>\r\n").startswith("220"); client.encrypt()
        assert client.ask("DATA").startswith("503"); assert client.ask("EHLO c.example").startswith("250"); assert client.ask("RCPT TO:<user1@box.test>").startswith("503")
        client = Client(proxy, before=header); assert client.ask("EHLO c.example").startswith("250"); assert client.ask(header).startswith("5")
        s = socket.create_connection(("127.0.0.1", proxy), 30); s.sendall(header + b"EHLO evil\r\nMAIL FROM:<evil@z.example>\r\n"); got = b""
        while piece := s.recv(4096): got += piece
        assert got.startswith(b"554 5.5.0"), got
        client = Client(xclient); client.ask("EHLO c.example")
        assert client.ask(b"XCLIENT ADDR=198.51.100.9\r\nEHLO evil\r\nMAIL FROM:<evil@z.example>\r\n").startswith("554 5.5.0")
        assert "from=<evil@z.example>" not in system.log(), "an early MAIL was obeyed"


if __name__ == "__main__":
    main(ends_of_data_over_sockets, nothing_is_smuggled_out, commands_that_came_too_early_are_not_obeyed)
