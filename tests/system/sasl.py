#!/usr/bin/env python3
"""Logins: with a real Dovecot, by real clients, between two of our own systems, and with auth servers that mean harm."""
import base64, concurrent.futures, http.server, json, os, pathlib, re, shutil, smtplib, socket, subprocess, sys, threading, time, urllib.parse
sys.path.insert(0, os.path.dirname(__file__))
from common import System, end, free_port, main, skip, wait_for

if os.geteuid() != 0:
    skip("Dovecot needs root to start")
if not shutil.which("dovecot"):
    skip("dovecot is not installed")

DOVECOT = """\
protocols =
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
instance_name = postfix-rs-sasl
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256{mechanisms}
auth_failure_delay = 0
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service auth {{
  unix_listener {socket} {{
    mode = 0666
  }}
}}
{more}passdb {{
  driver = passwd-file
  args = scheme=PLAIN {base}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/tmp
}}
"""

# What fail2ban's postfix filter looks for (mode auth), with its <HOST> filled in.
FAIL2BAN = re.compile(r"warning: [^[]*\[127\.0\.0\.1\]: SASL ((?i:LOGIN|PLAIN|(?:CRAM|DIGEST)-MD5)) authentication failed:(?! Connection lost to authentication server| Invalid authentication mechanism)")
SASL = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "private/auth"}
STRICT = {**SASL, "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject", "smtpd_relay_restrictions": "permit_sasl_authenticated, reject"}


class Dovecot:
    def __init__(self, system, mechanisms="", more=""):
        self.base = system.home / "dovecot"
        for d in (self.base, self.base / "run", self.base / "state"):
            d.mkdir(mode=0o755)
        (self.base / "users").write_text("joe:secret\njane@box.test:pass word\n")
        self.file = self.base / "dovecot.conf"
        self.socket = system.queue / "private/auth"
        self.socket.parent.mkdir(exist_ok=True)
        self.file.write_text(DOVECOT.format(base=self.base, socket=self.socket, mechanisms=mechanisms, more=more))

    def __enter__(self):
        self.process = subprocess.Popen(["dovecot", "-F", "-c", str(self.file)])
        wait_for(self.answers, "Dovecot")
        return self

    def answers(self):
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(self.socket))
                return True
        except OSError:
            return False

    def __exit__(self, *_):
        end(self.process)


def send(port, user, password, mechanism=None):
    with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=30) as client:
        client.ehlo()
        if mechanism:
            client.esmtp_features["auth"] = mechanism
        client.login(user, password)
        client.sendmail("me@example.org", ["user1@box.test"], f"Subject: by {user}\n\nx\n")


def dovecot_lets_users_in():
    with System(STRICT) as system, Dovecot(system) as dovecot:
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            send(system.port, "joe", "secret", mechanism)
            send(system.port, "jane@box.test", "pass word", mechanism)
            try:
                send(system.port, "joe", "wrong", mechanism)
            except smtplib.SMTPAuthenticationError as e:
                assert e.smtp_code == 535, e
            else:
                raise AssertionError("a wrong password let somebody in")
        for words in (["swaks", "--auth", "PLAIN"], ["swaks", "--auth", "CRAM-MD5"], ["swaks", "--auth", "LOGIN"]):
            if shutil.which("swaks"):
                subprocess.run([*words, "--server", f"127.0.0.1:{system.port}", "--auth-user", "joe", "--auth-password", "secret", "--to", "user1@box.test", "--from", "s@example.org"],
                               check=True, stdout=subprocess.DEVNULL)
        system.drain()
        assert len(system.maildir("user1")) >= 6, len(system.maildir("user1"))
        log = system.log()
        assert "sasl_method=CRAM-MD5, sasl_username=jane@box.test" in log
        failures = [line for line in log.splitlines() if "authentication failed" in line]
        assert len(failures) == 3 and all(FAIL2BAN.search(line) for line in failures), failures
        assert "sasl_username=joe" in failures[0], failures
        # Dovecot is started again: the session that is open goes on with the new one.
        with smtplib.SMTP("127.0.0.1", system.port, "client.test", timeout=30) as client:
            client.ehlo()
            dovecot.__exit__()
            dovecot.__enter__()
            client.login("joe", "secret")


def many_at_once():
    with System({**STRICT, "smtpd_client_connection_count_limit": "0"}, "") as system, Dovecot(system):
        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            list(pool.map(lambda n: send(system.port, "joe" if n % 2 else "jane@box.test", "secret" if n % 2 else "pass word"), range(300)))
        system.drain()
        assert len(system.maildir("user1")) == 300, len(system.maildir("user1"))


def we_log_in_to_ourselves():
    """Our client, our server and Dovecot's mechanisms; also those that Python does not know."""
    with System(STRICT) as server, Dovecot(server):
        for mechanism in ("plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"):
            (server.home / "pw").write_text(f"[127.0.0.1]:{server.port} joe:secret\n")
            with System({"relayhost": f"[127.0.0.1]:{server.port}", "smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": f"texthash:{server.home}/pw",
                         "smtp_sasl_security_options": "noanonymous", "smtp_sasl_mechanism_filter": mechanism, "smtp_host_lookup": "native", "mydestination": ""}) as client:
                with smtplib.SMTP("127.0.0.1", client.port, "client.test") as smtp:
                    smtp.sendmail("me@example.org", ["user2@far.test"], f"Subject: {mechanism}\n\nx\n")
                client.drain()
            assert f"sasl_method={mechanism.upper()}, sasl_username=joe" in server.log(), mechanism


class Issuer(http.server.BaseHTTPRequestHandler):
    """Says of tokens whose they are (RFC 7662), as the server of a mail provider would."""

    def do_POST(self):
        token = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())["token"][0]
        owner = {"good-token": "joe@box.test", "others-token": "jane@box.test"}.get(token)
        body = json.dumps({"active": True, "email": owner, "scope": "mail"} if owner else {"active": False}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def oauth_tokens_let_users_in():
    """XOAUTH2 and OAUTHBEARER: the initial response, the challenge that tells why not, and what the client must answer to it."""
    issuer = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Issuer)
    threading.Thread(target=issuer.serve_forever, daemon=True).start()
    with System(STRICT) as system:
        conf = system.home / "oauth2.conf"
        conf.write_text(f"introspection_mode = post\nintrospection_url = http://127.0.0.1:{issuer.server_address[1]}/introspect\nusername_attribute = email\nactive_attribute = active\nactive_value = true\n")
        more = f"passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {conf}\n}}\n"
        with Dovecot(system, " xoauth2 oauthbearer", more):
            def response(mechanism, user, token):
                text = f"user={user}\1auth=Bearer {token}\1\1" if mechanism == "XOAUTH2" else f"n,a={user},\1host=test.localhost\1port=25\1auth=Bearer {token}\1\1"
                return base64.b64encode(text.encode()).decode()
            for mechanism, token, end_of_failure in (("XOAUTH2", "stale-token", ""), ("OAUTHBEARER", "others-token", "AQ==")):
                with smtplib.SMTP("127.0.0.1", system.port, "client.test", timeout=30) as client:
                    client.ehlo()
                    assert mechanism in client.esmtp_features["auth"].split(), client.esmtp_features
                    code, challenge = client.docmd("AUTH", f"{mechanism} {response(mechanism, 'joe@box.test', token)}")
                    if code == 334:
                        assert b"status" in base64.b64decode(challenge), challenge
                        code, challenge = client.docmd(end_of_failure)
                    assert code == 535, (mechanism, token, code, challenge)
                    assert client.mail("me@example.org")[0] == 250 and client.rcpt("user1@box.test")[0] != 250
                with smtplib.SMTP("127.0.0.1", system.port, "client.test", timeout=30) as client:
                    client.ehlo()
                    # By itself, and after a challenge that says nothing.
                    code, text = client.docmd("AUTH", mechanism)
                    assert (code, text) == (334, b""), (code, text)
                    code, text = client.docmd(response(mechanism, "joe@box.test", "good-token"))
                    assert code == 235, (mechanism, code, text)
                    client.sendmail("me@example.org", ["user1@box.test"], f"Subject: {mechanism}\n\nx\n")
            wait_for(lambda: len(system.maildir("user1")) == 2, "both messages", system)
            wait_for(lambda: all(f"sasl_method={m}, sasl_username=joe@box.test" in system.log() for m in ("XOAUTH2", "OAUTHBEARER")), "both logins in the log", system)
            failed = [l for l in system.log().splitlines() if "authentication failed" in l]
            assert len(failed) == 2 and not any("token" in l for l in failed), failed
    issuer.shutdown()


def line(text):
    return (text + "\n").encode()


HELLO = b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nDONE\n"


def endless(c, first=b"", piece=b"x" * 65536):
    c.sendall(first)
    while True:
        c.sendall(piece)


def after_request(answer):
    def serve(c):
        c.sendall(HELLO)
        while True:
            if b"AUTH" in c.recv(65536):
                answer(c)
    return serve


def mute(c):
    time.sleep(60)


HOSTILE = {
    "silent": mute,
    "closes": lambda c: c.close(),
    "half a greeting": lambda c: (c.sendall(HELLO[:30]), mute(c)),
    "greeting without an end": lambda c: endless(c, b"VERSION\t1\t2\n", b"MECH\tX\tplaintext\n" * 4000),
    "a line without an end": lambda c: endless(c),
    "bytes that are no text": lambda c: endless(c, piece=bytes(range(128, 256)) * 100 + b"\n"),
    "another version": lambda c: (c.sendall(b"VERSION\t2\t0\n"), mute(c)),
    "no version": lambda c: (c.sendall(b"VERSION\nMECH\nSPID\nDONE\n"), mute(c)),
    "the wrong socket": lambda c: (c.sendall(b"VERSION\t1\t1\nSPID\t7\n"), mute(c)),
    "no mechanism": lambda c: (c.sendall(b"VERSION\t1\t1\nMECH\tTOKEN\tprivate\nSPID\t7\nDONE\n"), mute(c)),
    "no answer": after_request(lambda c: None),
    "answers for others": after_request(lambda c: c.sendall(b"OK\t4294967295\tuser=root\nOK\t99\tuser=root\nFAIL\nOK\nCONT\nOK\t-1\tuser=root\n")),
    "gigabytes of answer": after_request(lambda c: endless(c, b"CONT\t1\t")),
    "gigabytes of lines": after_request(lambda c: endless(c, b"", b"NOTE\t" + b"x" * 1000 + b"\n")),
    "a name with line ends": after_request(lambda c: c.sendall(b"OK\t1\tuser=a\r\r\x00b\nOK\t2\tuser=c\r\n")),
}


def serve(path, behaviour):
    if path.exists():
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    os.chmod(path, 0o666)
    listener.listen(50)

    def one(c):
        try:
            behaviour(c)
        except OSError:
            pass

    def accept():
        while True:
            try:
                c, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(c,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener


def talk(port, *commands, patience=40):
    """What the server says to each command, or (closed)."""
    out = []
    try:
        with socket.create_connection(("127.0.0.1", port), patience) as s:
            f = s.makefile("rb")

            def reply():
                while True:
                    got = f.readline()
                    if not got:
                        raise EOFError
                    if got[3:4] != b"-":
                        return got.decode("latin-1").rstrip()
            out.append(reply())
            for command in commands:
                s.sendall(command.encode() + b"\r\n")
                out.append(reply())
    except (EOFError, OSError):
        out.append("(closed)")
    return out


def memory(system):
    """Of the largest process, in MiB."""
    def of(process):
        try:
            return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text())[1]) // 1024
        except (OSError, TypeError):
            return 0
    return max(of(process) for process in system.processes())


def hostile_servers():
    login = "AUTH PLAIN " + base64.b64encode(b"\0joe\0secret").decode()
    plain = free_port(3300)
    with System(SASL, f"127.0.0.1:{plain} inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=no\n") as system:
        path = system.queue / "private/auth"
        for name, behaviour in HOSTILE.items():
            listener = serve(path, behaviour)
            started = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                sessions = [pool.submit(talk, system.port, "EHLO x", login, "NOOP") for _ in range(10)]
                time.sleep(0.2)
                before = time.monotonic()
                others = talk(plain, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<user3@box.test>", "QUIT")
                assert others[-1].startswith("221") and time.monotonic() - before < 5, (name, others)
                replies = [s.result() for s in sessions]
            took = time.monotonic() - started
            assert took < 25, f"{name}: {took} s"
            for reply in replies:
                words = reply[-2] if len(reply) > 2 else reply[-1]
                assert reply[-1] == "(closed)" or words[:3] in ("454", "535", "235"), (name, reply)
                assert not any("root" in text for text in reply)
            assert memory(system) < 300, (name, memory(system))
            listener.close()
            print(f"        {name}: {took:.1f} s, {replies[0][-2:]}")
        assert "panic" not in system.log()


main(dovecot_lets_users_in, many_at_once, we_log_in_to_ourselves, oauth_tokens_let_users_in, hostile_servers)
