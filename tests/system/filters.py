#!/usr/bin/env python3
"""Real filters look at mail: OpenDKIM, OpenDMARC, rspamd, SpamAssassin's milter, postgrey, policyd-spf, a content filter in Python; and a milter
that does everything wrong."""
import os, pathlib, pwd, random, re, shutil, smtplib, socket, struct, subprocess, sys, threading, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, can_connect, end, free_port, main, skip, wait_for

if os.geteuid() != 0:
    skip("the filters' own users need root")
for program in ("opendkim", "opendmarc", "rspamd", "postgrey", "policyd-spf"):
    if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
        skip(f"{program} is not installed")
try:
    from aiosmtpd.controller import Controller
except ImportError:
    skip("the Python module aiosmtpd is missing")

TEXT = "From: me@sender.test\nTo: user1@box.test\nSubject: {0}\nDate: Thu, 01 Jan 2026 00:00:00 +0000\nMessage-Id: <{0}@sender.test>\n\nbody of {0}\n"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


def folder(system, name, owner="nobody"):
    made = system.home / name
    made.mkdir()
    os.chmod(made, 0o755)
    shutil.chown(made, owner)
    return made


class Running:
    """A program that listens on a port until the end of a `with`."""

    def __init__(self, words, port, log):
        self.log = open(log, "wb")
        self.process = subprocess.Popen([str(w) for w in words], stdout=self.log, stderr=self.log)
        self.port, self.path = port, log

    def __enter__(self):
        try:
            wait_for(lambda: self.process.poll() is not None or can_connect(self.port), f"port {self.port}")
            if self.process.poll() is not None and not can_connect(self.port):
                raise RuntimeError(pathlib.Path(self.path).read_text(errors="replace")[-3000:])
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        end(self.process)
        self.log.close()


def send(system, text, sender="me@sender.test", to="user1@box.test", port=None):
    """Sends a message; the code and text of the last reply."""
    with smtplib.SMTP("127.0.0.1", port or system.port, "sender.test", timeout=60) as client:
        client.ehlo()
        for code, reply in (client.mail(sender), client.rcpt(to)):
            if code != 250:
                return code, reply.decode()
        code, reply = client.data(text)
        return code, reply.decode()


def delivered(system, count=1, user="user1"):
    wait_for(lambda: len(system.maildir(user)) >= count, f"{count} messages", system)
    return [path.read_text(errors="replace") for path in system.maildir(user)]


def opendkim_signs():
    port = free_port(3200)
    with System({"smtpd_milters": f"inet:127.0.0.1:{port}", "non_smtpd_milters": "$smtpd_milters", "milter_default_action": "tempfail"}) as system:
        home = folder(system, "dkim", "opendkim")
        subprocess.run(["opendkim-genkey", "-D", home, "-d", "sender.test", "-s", "key"], check=True)
        shutil.chown(home / "key.private", "opendkim")
        (home / "conf").write_text(f"Socket inet:{port}@127.0.0.1\nMode s\nDomain sender.test\nSelector key\nKeyFile {home}/key.private\nInternalHosts 127.0.0.1\n"
                                   f"UserID opendkim\nSyslog no\nBackground no\nPidFile {home}/pid\nCanonicalization relaxed/simple\nRequireSafeKeys no\n")
        with Running(["/usr/sbin/opendkim", "-f", "-x", home / "conf"], port, home / "log"):
            for i in range(20):
                assert send(system, TEXT.format(f"smtp{i}"))[0] == 250
            assert system.command("sendmail", "-f", "me@sender.test", "user1@box.test", input=TEXT.format("local")).returncode == 0
            for message in delivered(system, 21):
                assert re.search(r"^DKIM-Signature: .*d=sender\.test;.*b=", message, re.S | re.M), message


def opendmarc_adds_its_results():
    port = free_port(3220)
    with System({"smtpd_milters": f"{{ inet:127.0.0.1:{port}, default_action=tempfail }}"}) as system:
        home = folder(system, "dmarc", "opendmarc")
        (home / "conf").write_text(f"Socket inet:{port}@127.0.0.1\nAuthservID checker.test\nUserID opendmarc\nSyslog no\nBackground no\nPidFile {home}/pid\nIgnoreHosts {home}/none\n")
        (home / "none").write_text("192.0.2.1\n")
        with Running(["/usr/sbin/opendmarc", "-f", "-c", home / "conf"], port, home / "log"):
            code, reply = send(system, TEXT.format("dmarc"))
            assert code == 250, reply
            assert "dmarc=" in delivered(system)[0] or "checker.test" in delivered(system)[0], delivered(system)[0]


def rspamd_rejects_what_is_spam():
    port = free_port(3240)
    with System({"smtpd_milters": f"inet:127.0.0.1:{port}", "milter_default_action": "tempfail"}) as system:
        home = folder(system, "rspamd", "_rspamd")
        (home / "override.conf").write_text("")
        conf = (f'options {{ pidfile = "{home}/pid"; filters = ""; cache_file = "{home}/cache"; hs_cache_dir = "{home}"; rrd = ""; history_file = "{home}/history"; '
                f'local_addrs = []; dns {{ timeout = 0.1s; retransmits = 1; nameserver = ["127.0.0.1:9"]; }} gtube_patterns = "all"; enable_test_patterns = true; '
                f'control_socket = "{home}/control mode=0600"; tempdir = "{home}"; }}\n'
                f'logging {{ type = "console"; level = "info"; }}\n'
                f'metric {{ name = default; actions {{ reject = 15; add_header = 6; greylist = 4; }} }}\n'
                f'actions {{ reject = 15; add_header = 6; }}\n'
                f'worker "rspamd_proxy" {{ count = 1; bind_socket = "127.0.0.1:{port}"; milter = yes; timeout = 30s; upstream "local" {{ self_scan = yes; default = yes; }} }}\n')
        (home / "conf").write_text(conf)
        with Running([shutil.which("rspamd"), "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", home / "conf"], port, home / "log"):
            code, reply = send(system, TEXT.format("ham"))
            assert code == 250, reply
            code, reply = send(system, TEXT.format("spam") + GTUBE + "\n")
            assert code in (550, 554) and "spam" in reply.lower() or "gtube" in reply.lower(), (code, reply)
            assert "body of ham" in delivered(system)[0]
            wait_for(lambda: "milter-reject: END-OF-MESSAGE" in system.log(), "the line in the log", system, 20)


def spamassassin_marks_spam():
    spamd = shutil.which("spamd", path=os.environ["PATH"] + ":/usr/sbin")
    if not spamd or not shutil.which("spamc"):
        raise RuntimeError("spamd or spamc is missing")
    daemon = free_port(3260)
    with System({"milter_default_action": "tempfail"}) as system:
        home = folder(system, "sa", "nobody")
        sock = home / "milter.sock"
        (system.etc / "main.cf").open("a").write(f"smtpd_milters = unix:{sock}\n")
        system.command("postfix", "-c", system.etc, "reload")
        (home / "rules").mkdir()
        (home / "rules/v320.pre").write_text("loadplugin Mail::SpamAssassin::Plugin::Check\n")
        (home / "rules/local.cf").write_text(f"use_bayes 0\nskip_rbl_checks 1\ndns_available no\nbody TEST_SPAM /very bad words/\nscore TEST_SPAM 100\nrequired_score 5\nreport_safe 0\nadd_header all Status _YESNO_, score=_SCORE_ required=_REQD_\nadd_header spam Flag _YESNOCAPS_\n")
        with Running([spamd, "--port", daemon, "--listen", "127.0.0.1", "--local", "--nouser-config", "--max-children=1", "--syslog=stderr", f"--configpath={home}/rules", f"--siteconfigpath={home}/rules", "--username=nobody", f"--helper-home-dir={home}"], daemon, home / "spamd.log"):
            milter = subprocess.Popen(["/usr/sbin/spamass-milter", "-p", str(sock), "--", "-p", str(daemon), "-d", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_for(sock.exists, "the milter's socket")
                os.chmod(sock, 0o777)
                code, reply = send(system, TEXT.format("bad") + "very bad words\n")
                assert code == 250, reply
                message = delivered(system)[0]
                assert "X-Spam-Flag: YES" in message or "X-Spam-Status: Yes" in message, message
            finally:
                end(milter)


def postgrey_greylists():
    port = free_port(3280)
    with System({"smtpd_recipient_restrictions": f"check_policy_service {{ inet:127.0.0.1:{port}, timeout=20s }}, permit", "mynetworks": "192.0.2.1/32", "smtpd_relay_restrictions": "permit_mynetworks, defer_unauth_destination"}) as system:
        home = folder(system, "grey", "postgrey")
        with Running(["/usr/sbin/postgrey", f"--inet=127.0.0.1:{port}", "--delay=2", f"--dbdir={home}", "--user=postgrey", "--group=nogroup", "--auto-whitelist-clients=0"], port, home / "log"):
            code, reply = send(system, TEXT.format("first"))
            assert code == 450 and "reylist" in reply, (code, reply)
            time.sleep(3)
            code, reply = send(system, TEXT.format("second"))
            assert code == 250, (code, reply)
            assert "X-Greylist:" in delivered(system)[0]


def policyd_spf_says_what_it_found():
    """It speaks on its standard input, as spawn(8) would start it."""
    path = f"/tmp/spf-{os.getpid()}.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(5)
    children = []

    def serve():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            children.append(subprocess.Popen([shutil.which("policyd-spf")], stdin=connection, stdout=connection, stderr=subprocess.DEVNULL, user="nobody"))
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        with System({"smtpd_recipient_restrictions": f"check_policy_service unix:{path}, permit", "smtpd_policy_service_request_limit": "1"}) as system:
            for i in range(3):
                code, reply = send(system, TEXT.format(f"spf{i}"))
                assert code == 250, reply
            for message in delivered(system, 3):
                assert re.search(r"^(Received-SPF|X-Comment|Authentication-Results): .*SPF", message, re.M | re.I), message
    finally:
        listener.close()
        os.unlink(path)
        for child in children:
            end(child)


def a_content_filter_passes_mail_on():
    """As FILTER_README sets up an after-queue filter such as amavis: out on one port, back in on another."""
    out, back = free_port(3300), free_port(3340)

    class Filter:
        async def handle_DATA(self, server, session, envelope):
            if b"virus" in envelope.content:
                return "554 5.7.0 infected"
            with smtplib.SMTP("127.0.0.1", back, "filter.test", timeout=30) as client:
                client.sendmail(envelope.mail_from, envelope.rcpt_tos, b"X-Scanned: clean\r\n" + envelope.content)
            return "250 2.0.0 passed on"

    master = (f"127.0.0.1:{back} inet n - n - - smtpd\n  -o content_filter=\n  -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks,no_milters\n"
              "  -o smtpd_authorized_xforward_hosts=127.0.0.0/8\nscan unix - - n - 10 smtp\n  -o smtp_send_xforward_command=yes\n")
    controller = Controller(Filter(), hostname="127.0.0.1", port=out)
    controller.start()
    try:
        with System({"content_filter": f"scan:[127.0.0.1]:{out}"}, master) as system:
            for i in range(30):
                assert send(system, TEXT.format(f"n{i}"))[0] == 250
            assert send(system, TEXT.format("virus"))[0] == 250
            system.command("sendmail", "-f", "me@sender.test", "user1@box.test", input=TEXT.format("local"))
            for message in delivered(system, 31):
                assert "X-Scanned: clean" in message and message.count("Received: ") >= 2, message
            wait_for(lambda: "infected" in system.log(), "the filter's refusal in the log", system)
    finally:
        controller.stop()


class Hostile:
    """A milter that misbehaves in the way that it is told, at the stage that it is told."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(100)
        self.port = self.listener.getsockname()[1]
        self.stage, self.how = None, None
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.safely, args=(connection,), daemon=True).start()

    def safely(self, connection):
        try:
            self.serve(connection)
        except (OSError, EOFError, struct.error):
            pass
        finally:
            connection.close()

    def serve(self, connection):
        f = connection.makefile("rwb")
        while True:
            head = f.read(4)
            if len(head) < 4:
                return
            code = f.read(struct.unpack("!I", head)[0])[:1]
            if code == self.stage:
                self.how(f)
            if code == b"O":
                answer = b"O" + struct.pack("!III", 6, 0x1ff, 0)
            elif code in (b"D", b"A"):
                continue
            elif code == b"Q":
                return
            else:
                answer = b"c"
            f.write(struct.pack("!I", len(answer)) + answer)
            f.flush()


def packet(code, data=b""):
    return struct.pack("!I", len(data) + 1) + code + data


def write(*parts):
    def how(f):
        for part in parts:
            f.write(part)
        f.flush()
        time.sleep(4)
        raise EOFError
    return how


def endless(part, most=2000):
    def how(f):
        for _ in range(most):
            f.write(part)
        f.flush()
        time.sleep(4)
        raise EOFError
    return how


def garbage(f):
    source = random.Random(7)
    f.write(source.randbytes(200_000))
    f.flush()
    raise EOFError


WAYS = {"silence": write(), "half a length": write(b"\0\0"), "half a packet": write(struct.pack("!I", 50) + b"yx"), "length zero": write(b"\0\0\0\0"), "a gigabyte": write(struct.pack("!I", 1 << 30) + b"y" + b"x" * 100_000),
        "all ones": write(b"\xff" * 64), "a wrong code": write(packet(b"\0")), "garbage": garbage, "endless progress": endless(packet(b"p")), "endless fields": endless(packet(b"h", b"X-Many\0" + b"v" * 60_000 + b"\0")),
        "endless body": endless(packet(b"b", b"z" * 65_000 + b"\r\n")), "a body of half a gigabyte": write(struct.pack("!I", 1 << 29) + b"b" + b"q" * 20_000_000), "endless recipients": endless(packet(b"+", b"user2@box.test\0")), "a reply with NUL": write(packet(b"y", b"550 5.7.1 a\0b\0")),
        "a reply of two codes": write(packet(b"y", b"550 4.7.1 x\0")), "a field index": write(packet(b"m", b"\xff\xff\xff\xffSubject\0x\0"), packet(b"i", b"\xff\xff\xff\xff\0\0"), packet(b"c"))}


def memory(system):
    kilobytes = 0
    for process in system.processes():
        try:
            kilobytes = max(kilobytes, int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text()).group(1)))
        except (OSError, AttributeError):
            pass
    return kilobytes / 1024


def a_hostile_milter_harms_only_itself():
    milter = Hostile()
    settings = {"smtpd_milters": f"{{ inet:127.0.0.1:{milter.port}, command_timeout=1s, content_timeout=1s, connect_timeout=1s, default_action=tempfail }}"}
    plain = free_port(3380)
    with System(settings, f"127.0.0.1:{plain} inet n - n - - smtpd\n  -o smtpd_milters=\n") as system:
        accepted = 0
        for stage in (b"O", b"C", b"M", b"L", b"B", b"E"):
            for name, how in WAYS.items():
                milter.stage, milter.how = stage, how
                started = time.monotonic()
                try:
                    code, reply = send(system, TEXT.format("hostile"))
                except smtplib.SMTPServerDisconnected as gone:
                    code, reply = 421, str(gone)
                except smtplib.SMTPResponseException as refused:
                    code, reply = refused.smtp_code, str(refused.smtp_error)
                took = time.monotonic() - started
                assert took < 15, f"{name} at {stage}: {took:.1f} s"
                assert code in (250, 421, 451, 450, 550, 552, 554), (stage, name, code, reply)
                accepted += code == 250
            # Sessions without that milter do not notice.
            assert send(system, TEXT.format("other"), to="user5@box.test", port=plain)[0] == 250
        milter.stage = None
        assert send(system, TEXT.format("after"), to="user6@box.test")[0] == 250
        delivered(system, 6, "user5")
        delivered(system, 1, "user6")
        assert "panic" not in system.log()
        assert memory(system) < 200, f"{memory(system):.0f} MB"


def filters_that_are_not_there_say_so():
    """milter_default_action with every value, as 3.12 has it."""
    wanted = {"accept": 250, "reject": 550, "tempfail": 451, "quarantine": 250, "shutdown": 421}
    ports = {action: free_port(3400 + 20 * i) for i, action in enumerate(wanted)}
    master = "".join(f"127.0.0.1:{port} inet n - n - - smtpd\n  -o {{ smtpd_milters = {{ inet:127.0.0.1:9, default_action={action} }} }}\n" for action, port in ports.items())
    with System({}, master) as system:
        for action, code in wanted.items():
            try:
                found = send(system, TEXT.format(action), port=ports[action])[0]
            except smtplib.SMTPConnectError as refused:
                found = {554: 550}.get(refused.smtp_code, refused.smtp_code)
            assert found == code, (action, found)
        wait_for(lambda: "milter triggers HOLD action" in system.log(), "the line in the log", system, 20)
        wait_for(lambda: '"hold"' in system.output("postqueue", "-j"), "the message on hold", system)


if __name__ == "__main__":
    main(opendkim_signs, opendmarc_adds_its_results, rspamd_rejects_what_is_spam, spamassassin_marks_spam, postgrey_greylists, policyd_spf_says_what_it_found,
         a_content_filter_passes_mail_on, filters_that_are_not_there_say_so, a_hostile_milter_harms_only_itself)
