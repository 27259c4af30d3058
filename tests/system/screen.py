#!/usr/bin/env python3
"""postscreen in front of smtpd: going on in the same connection after the deep tests, plain and encrypted; what is
remembered across a reload; hostile clients by the hundred."""
import pathlib, socket, ssl, subprocess

from common import System, can_connect, free_port, main, wait_for

BEHIND = "smtpd pass - - n - - smtpd\n  -o { smtpd_banner = $myhostname behind }\ndnsblog unix - - n - 0 dnsblog\n"


class Client:
    """Speaks SMTP, one line at a time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), 60)
        self.lines = self.socket.makefile("rb")

    def reply(self):
        lines = []
        while not lines or lines[-1][3:4] == b"-":
            lines.append(self.lines.readline())
            if not lines[-1]:
                break
        return b"".join(lines).decode()

    def say(self, text):
        self.socket.sendall(text.encode() + b"\r\n")
        return self.reply()

    def encrypt(self):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.lines = self.socket.makefile("rb")


def expect(got, start):
    assert got.startswith(start), f"expected {start!r}, got {got!r}"


def system(settings, main=None):
    port = free_port(3000)
    options = "".join(f"  -o {{ {name} = {value} }}\n" for name, value in settings.items())
    mail = System(main=main, master=f"127.0.0.1:{port} inet n - n - 1 postscreen\n{options}{BEHIND}")
    mail.screen = port
    return mail


DEEP = {"postscreen_access_list": "", "postscreen_greet_banner": "", "postscreen_pipelining_enable": "yes",
        "postscreen_bare_newline_enable": "yes", "postscreen_pass_after_deep_tests": "yes"}


def a_client_goes_on_after_the_deep_tests():
    with system(DEEP) as mail:
        client = Client(mail.screen)
        client.reply()
        expect(client.say("EHLO client.example"), "250-test.localhost")
        expect(client.say("MAIL FROM:<a@client.example> SIZE=100"), "250 2.1.0")
        expect(client.say("RCPT TO:<nobody@box.test>"), "550 5.1.1")
        expect(client.say("RCPT TO:<user1@box.test>"), "250 2.1.5")
        expect(client.say("DATA"), "354 ")
        expect(client.say("Subject: same connection\r\n\r\nx\r\n."), "250 2.0.0 Ok")
        expect(client.say("QUIT"), "221 ")
        wait_for(lambda: mail.maildir("user1"), "the message", mail)
        assert mail.log().count("PASS NEW") == 1, mail.log()
        assert "client=localhost[127.0.0.1]" in mail.log()
        expect(Client(mail.screen).reply(), "220 test.localhost behind")  # the next time at once


def smtpd_may_refuse_what_the_engine_took():
    with system(DEEP, main={"message_size_limit": "1000", "virtual_mailbox_limit": "1000"}) as mail:
        client = Client(mail.screen)
        client.reply()
        client.say("EHLO client.example")
        client.say("MAIL FROM:<a@client.example> SIZE=100000")
        expect(client.say("RCPT TO:<user1@box.test>"), "552 5.3.4")
        expect(client.say("RCPT TO:<user1@box.test>"), "503 5.5.1")
        expect(client.say("RSET"), "250 2.0.0")
        expect(client.say("MAIL FROM:<a@client.example>"), "250 2.1.0")
        expect(client.say("RCPT TO:<user1@box.test>"), "250 2.1.5")
        client.say("QUIT")


def who_fails_a_test_does_not_go_on():
    with system(DEEP) as mail:
        client = Client(mail.screen)
        client.reply()
        client.socket.sendall(b"EHLO client.example\r\nMAIL FROM:<>\r\n")
        client.reply(), client.reply()
        expect(client.say("RCPT TO:<user1@box.test>"), "550 5.5.1 Protocol error")
        client.say("QUIT")
        wait_for(lambda: "COMMAND PIPELINING" in mail.log(), "the log", mail)
        assert "PASS NEW" not in mail.log()


def an_encrypted_connection_goes_on_encrypted():
    mail = system({**DEEP, "postscreen_tls_security_level": "encrypt"})
    pem = mail.home / "pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test.localhost", "-days",
                    "2", "-keyout", pem, "-out", mail.home / "crt"], check=True, stderr=subprocess.DEVNULL)
    with open(pem, "a") as both:
        both.write((mail.home / "crt").read_text())
    with open(mail.etc / "main.cf", "a") as config:
        config.write(f"smtpd_tls_chain_files = {pem}\nsmtpd_tls_security_level = may\nsmtpd_tls_received_header = yes\n")
    with mail:
        client = Client(mail.screen)
        client.reply()
        client.say("EHLO client.example")
        expect(client.say("MAIL FROM:<>"), "530 ")
        expect(client.say("STARTTLS"), "220 ")
        client.encrypt()
        assert "STARTTLS" not in client.say("EHLO client.example")
        client.say("MAIL FROM:<a@client.example>")
        expect(client.say("RCPT TO:<user2@box.test>"), "250 2.1.5")
        assert "STARTTLS" not in client.say("EHLO client.example")
        client.say("MAIL FROM:<a@client.example>"), client.say("RCPT TO:<user2@box.test>"), client.say("DATA")
        expect(client.say("Subject: encrypted\r\n\r\nx\r\n."), "250 ")
        client.say("QUIT")
        wait_for(lambda: mail.maildir("user2"), "the message", mail)
        text = mail.maildir("user2")[0].read_text()
        assert "with ESMTPS id" in text and "using TLSv1.3" in text, text


def a_reload_forgets_nobody():
    with system({"postscreen_access_list": "", "postscreen_greet_wait": "1s"}) as mail:
        client = Client(mail.screen)
        expect(client.reply(), "220-test.localhost")
        for _ in range(2):
            # As long as one generation serves beside the other.
            assert mail.command("postfix", "-c", mail.etc, "reload", stderr=subprocess.DEVNULL).returncode == 0
            wait_for(lambda: can_connect(mail.port), "the SMTP port", mail)
        # A session keeps its generation alive, and any of the three may have this one.
        client.say("QUIT")
        wait_for(lambda: len(smtpds(mail)) == 1, "the end of the older generations", mail)
        wait_for(lambda: "PASS OLD" in try_again(mail), "a client that is known", mail)
        assert mail.log().count("PASS NEW") == 1, mail.log()


def smtpds(mail):
    """The processes that serve."""
    files = [pathlib.Path(f"/proc/{pid}/cmdline") for pid in mail.processes()]
    names = [file.read_bytes().split(b"\0")[0] for file in files if file.exists()]
    return [name for name in names if name.endswith(b"smtpd")]


def try_again(mail):
    Client(mail.screen).reply()
    return mail.log()


def hundreds_of_hostile_clients():
    settings = {"postscreen_access_list": "", "postscreen_greet_wait": "600s", "postscreen_pre_queue_limit": "50",
                "postscreen_client_connection_count_limit": "0", "postscreen_dnsbl_sites": "dnsbl.invalid"}
    with system(settings) as mail:
        crowd, first = [], []
        for _ in range(300):
            crowd.append(Client(mail.screen))
            first.append(crowd[-1].lines.read(4))
        # As in Postfix, the client that asks counts as one of the fifty.
        assert (first.count(b"220-"), first.count(b"421 ")) == (49, 251), first
        for number, client in enumerate(crowd):
            try:
                client.socket.sendall((b"x" * 100_000, b"EHLO early.example\r\n", b"")[number % 3])
            except OSError:
                pass  # turned away already
        # The ordinary service does not suffer.
        expect(Client(mail.port).reply(), "220 test.localhost")
        for client in crowd:
            client.lines.close()
            client.socket.close()
        # Whoever goes leaves a place, but for those whose early words are waited out.
        wait_for(lambda: Client(mail.screen).lines.read(4) == b"220-", "a place", mail)
        assert mail.log().count("all screening ports busy") >= 250 and "panic:" not in mail.log()


def other_programs_hand_clients_over():
    """What a program of one's own does in place of postscreen: it accepts, and gives the descriptor to smtpd's `pass` service."""
    with System({"smtpd_client_port_logging": "yes"}, BEHIND) as mail:
        door = str(mail.queue / "private/smtpd")
        known = b"client_address\x00192.0.2.9\x00client_port\x001234\x00server_address\x00192.0.2.1\x00server_port\x0025\x00\x00"

        def hand_over(attributes, descriptor=True):
            """A client's end of a connection whose other end smtpd is given."""
            with socket.create_server(("127.0.0.1", 0)) as front, socket.socket(socket.AF_UNIX) as giver:
                client = Client(front.getsockname()[1])
                accepted, _ = front.accept()
                giver.connect(door)
                if descriptor: socket.send_fds(giver, [b"\0"], [accepted.fileno()])
                accepted.close()
                for piece in attributes: giver.sendall(piece)
            return client
        client = hand_over([known[:20], known[20:]])
        expect(client.reply(), "220 test.localhost behind")
        expect(client.say("EHLO handed.example"), "250")
        expect(client.say("MAIL FROM:<a@z.example>"), "250")
        expect(client.say("RCPT TO:<user1@box.test>"), "250")
        expect(client.say("DATA"), "354")
        expect(client.say("Subject: handed over\r\n\r\nx\r\n."), "250")
        expect(client.say("QUIT"), "221")
        wait_for(lambda: mail.maildir("user1"), "the message", mail)
        wait_for(lambda: ": client=unknown[192.0.2.9]:1234" in mail.log() and "disconnect from unknown[192.0.2.9]:1234" in mail.log(), "the client's address in the log", mail)
        client = hand_over([b"\0"])
        expect(client.reply(), "220 test.localhost behind")
        expect(client.say("QUIT"), "221")
        wait_for(lambda: "disconnect from localhost[127.0.0.1]" in mail.log(), "the address that the socket knows", mail)
        for attributes, descriptor, why in (([b"client_address\x00192.0.2.9\x00"], True, "cannot receive connection attributes"), ([b"client_address\x00nonsense\x00\x00"], True, "an address or port is missing or malformed"),
                                            ([b"x" * 9000], True, "they are too long"), ([], True, "cannot receive connection attributes"), ([b"x"], False, "no descriptor came along"), ([], False, "cannot receive file descriptor")):
            count = mail.log().count(why)
            client = hand_over(attributes, descriptor)
            try: assert client.lines.readline() == b"", "served all the same"
            except ConnectionError: pass
            wait_for(lambda: mail.log().count(why) > count, f"a warning: {why}", mail)
        client = hand_over([known])
        expect(client.reply(), "220 test.localhost behind")
        assert "panic" not in mail.log()


if __name__ == "__main__":
    main(a_client_goes_on_after_the_deep_tests, smtpd_may_refuse_what_the_engine_took, who_fails_a_test_does_not_go_on,
         an_encrypted_connection_goes_on_encrypted, a_reload_forgets_nobody, other_programs_hand_clients_over,
         hundreds_of_hostile_clients)
