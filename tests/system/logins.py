#!/usr/bin/env python3
"""Logins without Dovecot: our own user file, Cyrus SASL's saslauthd and sasldb, and PAM, by real clients and by some that mean harm."""
import base64, concurrent.futures, grp, hashlib, hmac, os, pathlib, pwd, re, shutil, signal, smtplib, socket, subprocess, sys, tempfile, threading, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, end, main, skip, wait_for

if os.geteuid() != 0:
    skip("users, saslauthd and PAM need root")
for program in ("saslauthd", "saslpasswd2", "fail2ban-regex"):
    if not shutil.which(program):
        skip(f"{program} is not installed")

BASE = {"smtpd_sasl_auth_enable": "yes", "smtpd_recipient_restrictions": "permit_sasl_authenticated, reject", "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        "smtpd_client_connection_count_limit": "0"}
FILE = {**BASE, "smtpd_sasl_type": "file", "smtpd_sasl_path": "users"}
OWN = ("PLAIN", "LOGIN", "CRAM-MD5")


def passwd(system, *words, password=None, code=0):
    done = system.command("postpasswd", "-c", system.etc, *words, input=password and password + "\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == code, (words, done.returncode, done.stdout)
    return done.stdout


def log_in(port, user, password, mechanism="PLAIN"):
    """The code and the text of the last reply."""
    with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=60) as client:
        client.ehlo()
        client.esmtp_features["auth"] = mechanism
        try:
            return client.login(user, password)
        except smtplib.SMTPAuthenticationError as e:
            return e.smtp_code, e.smtp_error


def right(port, user, password, *mechanisms):
    for mechanism in mechanisms or ("PLAIN", "LOGIN"):
        code, text = log_in(port, user, password, mechanism)
        assert code == 235, (user, mechanism, code, text)


def wrong(port, user, password, *mechanisms, code=535):
    for mechanism in mechanisms or ("PLAIN", "LOGIN"):
        got, text = log_in(port, user, password, mechanism)
        assert got == code, (user, mechanism, got, text)


def offered(port):
    with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=60) as client:
        client.ehlo()
        return client.esmtp_features.get("auth", "").split()


def ours_logs_in(server, mechanism, user, password):
    """Our own smtp client; it also checks that the server knows the password."""
    (server.home / "pw").write_text(f"[127.0.0.1]:{server.port} {user}:{password}\n")
    with System({"relayhost": f"[127.0.0.1]:{server.port}", "smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": f"texthash:{server.home}/pw", "smtp_host_lookup": "native",
                 "smtp_sasl_security_options": "noanonymous", "smtp_sasl_mechanism_filter": mechanism.lower(), "mydestination": "", "virtual_mailbox_domains": ""}) as client:
        with smtplib.SMTP("127.0.0.1", client.port, "client.test") as smtp:
            smtp.sendmail("me@example.org", ["user2@box.test"], f"Subject: {mechanism}\n\nx\n")
        client.drain()
    wait_for(lambda: f"sasl_method={mechanism}, sasl_username={user}" in server.log(), f"a login by {mechanism}", server)


def a_file_of_our_own():
    with System(FILE) as system:
        port, users = system.port, system.etc / "users"
        wrong(port, "joe", "secret", code=454)  # there is no file yet, and mail without a login goes on
        wait_for(lambda: f"user file {users}: No such file or directory" in system.log(), "the line in the log", system, 20)
        passwd(system, "add", "joe", password="secret")
        assert (users.stat().st_mode & 0o777, users.stat().st_uid, grp.getgrgid(users.stat().st_gid).gr_name) == (0o640, 0, "postfix"), users.stat()
        assert "secret" not in users.read_text() and "$argon2id$" in users.read_text()
        passwd(system, "add", "jane@box.test", "-s", "sha512-crypt", password="pass word")
        right(port, "joe", "secret"), right(port, "jane@box.test", "pass word")
        for user, password in (("joe", "Secret"), ("joe", "secret "), ("nobody", "secret"), ("jane", "pass word")):
            wrong(port, user, password)
        assert offered(port) == ["PLAIN", "LOGIN"], offered(port)
        # As other programs write it: crypt(3), and Dovecot's passwd-file.
        made = subprocess.run(["openssl", "passwd", "-5", "other"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        with users.open("a") as f:
            f.write(f"# a comment\nbob:{{SHA256-CRYPT}}{made}:1000:1000::/home/bob::\n")
        right(port, "bob", "other"), wrong(port, "bob", "secret")
        assert passwd(system, "list").splitlines() == ["joe\targon2", "jane@box.test\tsha512-crypt", "bob\tsha256-crypt"]
        assert passwd(system, "verify", "joe", password="secret") == "right\n" and passwd(system, "verify", "joe", password="x", code=1) == "wrong\n"
        passwd(system, "delete", "bob"), passwd(system, "delete", "bob", code=1), passwd(system, "add", "a:b", password="x", code=1)
        passwd(system, "add", "joe", code=1, password=""), passwd(system, "frobnicate", code=64)
        assert "Usage" in passwd(system, "--help")
        wrong(port, "bob", "other")
        assert "# a comment" in users.read_text()
        # A mechanism is offered when all users can use it.
        passwd(system, "delete", "jane@box.test"), passwd(system, "set", "joe", "-s", "scram-sha-256", "-s", "scram-sha-1", password="secret")
        assert offered(port) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN"], offered(port)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            ours_logs_in(system, mechanism, "joe", "secret")
        # Typed with a combining dot or without: SASLprep makes them one.
        passwd(system, "set", "joe", "-s", "scram-sha-256", password="pa\u0308ss")
        ours_logs_in(system, "SCRAM-SHA-256", "joe", "p\u00e4ss")
        assert passwd(system, "verify", "joe", password="p\u00e4\u00adss") == "right\n"
        passwd(system, "set", "joe", "-s", "plain", password="secret")
        assert "CRAM-MD5" in offered(port)
        right(port, "joe", "secret", *OWN), wrong(port, "joe", "Secret", *OWN), wrong(port, "nobody", "secret", *OWN)
        for words in (["swaks", "--auth", "CRAM-MD5"], ["swaks", "--auth", "PLAIN"], ["swaks", "--auth", "LOGIN"]):
            if shutil.which("swaks"):
                subprocess.run([*words, "--server", f"127.0.0.1:{port}", "--auth-user", "joe", "--auth-password", "secret", "--to", "user1@box.test", "--from", "s@example.org"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["curl", "-sS", "--url", f"smtp://127.0.0.1:{port}", "--user", "joe:secret", "--login-options", "AUTH=PLAIN", "--mail-from", "c@example.org", "--mail-rcpt", "user1@box.test", "-T", "-"],
                       input=b"Subject: curl\n\nx\n", check=True)
        for scheme in ("argon2id", "scram-sha-256"):
            passwd(system, "set", "joe", "-s", scheme, password="secret")
        system.drain()
        for word in ("Secret", "pass word", "other"):
            assert not re.search(rf"(?<!SASL authentication )\b{word}\b", system.log()), f"{word} is in the log"


def with_conf(conf, **more):
    """A system with this smtpd.conf."""
    system = System({**BASE, "smtpd_sasl_type": "cyrus", **more})
    folder = system.etc / "sasl"
    folder.mkdir()
    (folder / "smtpd.conf").write_text(conf.format(home=system.home, folder=folder))
    with (system.etc / "main.cf").open("a") as f:
        f.write(f"cyrus_sasl_config_path = {folder}\n")
    return system


def sasldb():
    with with_conf("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {folder}/db\nlog_level: 3\nnonsense: x\n") as system:
        port, folder = system.port, system.etc / "sasl"
        file = folder / "db"

        def user(name, realm, password):
            subprocess.run(["saslpasswd2", "-p", "-c", "-f", file, "-u", realm, name], input=password.encode(), check=True)
            shutil.chown(file, group="postfix"), file.chmod(0o640)
        user("joe", "test.localhost", "secret")
        for number in range(60):  # more than a page
            user(f"user{number}", "box.test", f"password {number}")
        user("long", "box.test", "x" * 1500)  # a page of its own
        assert len(offered(port)) == 5, offered(port)
        right(port, "joe", "secret", *OWN), right(port, "user7@box.test", "password 7", *OWN), right(port, "user59@box.test", "password 59", "PLAIN"), right(port, "long@box.test", "x" * 1500, "CRAM-MD5")
        wrong(port, "joe", "x", *OWN), wrong(port, "user7", "password 7", *OWN), wrong(port, "joe@box.test", "secret", *OWN)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1"):
            ours_logs_in(system, mechanism, "joe", "secret")
        user("joe", "test.localhost", "new secret")
        right(port, "joe", "new secret", *OWN), wrong(port, "joe", "secret", *OWN)
        file.write_bytes(file.read_bytes()[:5000])
        for mechanism in OWN:
            code, text = log_in(port, "user7@box.test", "password 7", mechanism)
            assert code in (235, 454, 535), (code, text)
        file.unlink()
        wrong(port, "joe", "secret", *OWN, code=454)
        for text in f"{folder}/smtpd.conf: line 5: nonsense is without effect here", f"Berkeley db {file}: No such file or directory":
            wait_for(lambda: text in system.log(), text, system, 20)
        assert "new secret" not in system.log()


PAM = "auth required pam_pwdfile.so pwdfile={file} nodelay\naccount {account}\n"


class Service:
    """A service of PAM of our own."""
    def __init__(self, name, text):
        self.file = pathlib.Path("/etc/pam.d") / name
        self.text = text

    def __enter__(self):
        self.file.write_text(self.text)
        return self

    def __exit__(self, *_):
        self.file.unlink()


class Saslauthd:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)

    def __enter__(self):
        self.process = subprocess.Popen(["saslauthd", "-d", "-a", "pam", "-c", "-n", "5", "-m", str(self.folder)], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: (self.folder / "mux").exists(), "saslauthd")
        return self

    def __exit__(self, *_):
        end(self.process)


def users_of_pam(system):
    file = system.home / "pam-users"
    file.write_text("".join(f"{name}:{crypted(password)}\n" for name, password in (("joe", "secret"), ("jane", "pass word"), ("jim@box.test", "third"))))
    return file


def crypted(password):
    return subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def saslauthd_by_pam():
    system = with_conf("pwcheck_method: saslauthd\nmech_list: PLAIN LOGIN DIGEST-MD5\nsaslauthd_path: {home}/saslauthd/mux\n", smtpd_sasl_service="postfix-rs-test")
    with Service("postfix-rs-test", PAM.format(file=users_of_pam(system), account="required pam_permit.so")), system:
        port = system.port
        assert offered(port) == ["PLAIN", "LOGIN"], offered(port)
        wrong(port, "joe", "secret", code=454)
        saslauthd = Saslauthd(system.home / "saslauthd")
        with saslauthd:
            right(port, "joe", "secret"), right(port, "jane", "pass word"), wrong(port, "joe", "x"), wrong(port, "nobody", "secret"), wrong(port, "joe", "x" * 300, "PLAIN")
            many(port, "joe", "secret", 200)
        wrong(port, "joe", "secret", code=454)
        with saslauthd:
            right(port, "joe", "secret")
        for text in "mech_list: DIGEST-MD5 is obsolete (RFC 6331) and not built in", "cannot connect to saslauthd server":
            wait_for(lambda: text in system.log(), text, system, 20)


def many(port, user, password, count):
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        codes = list(pool.map(lambda n: log_in(port, user, password if n % 4 else "wrong", "PLAIN")[0], range(count)))
    assert codes.count(235) == count - (count + 3) // 4 and codes.count(535) == (count + 3) // 4, {code: codes.count(code) for code in codes}


def pam():
    system = System({**BASE, "smtpd_sasl_type": "pam", "smtpd_sasl_service": "postfix-rs-test", "smtpd_sasl_local_domain": "test.localhost"})
    assert "pam" in system.output("postfix", "features").split(), "this stage was built without the feature pam"
    hang = system.home / "hang"
    hang.write_text(f"#!/bin/sh\necho $$ >> {system.home}/hangs\nexec sleep 300\n"), hang.chmod(0o755)
    users = users_of_pam(system)
    with Service("postfix-rs-test", PAM.format(file=users, account="required pam_permit.so")) as service, system:
        port = system.port
        assert offered(port) == ["PLAIN", "LOGIN"], offered(port)
        # A module that hangs, while others go on.
        service.file.write_text(f"auth required pam_exec.so quiet {hang}\naccount required pam_permit.so\n")
        pool = concurrent.futures.ThreadPoolExecutor(3)
        hanging = [pool.submit(log_in, port, "joe", "secret") for _ in range(3)]
        wait_for(lambda: (system.home / "hangs").exists() and len((system.home / "hangs").read_text().split()) == 3, "the module that hangs", system)
        service.file.write_text(service.text)
        right(port, "joe", "secret"), right(port, "joe@test.localhost", "secret"), right(port, "jim@box.test", "third"), wrong(port, "joe@box.test", "secret")
        started = time.monotonic()
        wrong(port, "joe", "x"), wrong(port, "nobody", "secret"), wrong(port, "root", "")
        print(f"        six refusals: {time.monotonic() - started:.1f} s")
        many(port, "joe", "secret", 200)
        # smtpd has no module in it, whatever happens.
        smtpd = [p for p in system.processes() if "smtpd" in pathlib.Path(f"/proc/{p}/cmdline").read_text()]
        assert smtpd and all("/security/pam_" not in pathlib.Path(f"/proc/{p}/maps").read_text() for p in smtpd)
        service.file.write_text(PAM.format(file=users, account="required pam_deny.so"))
        wrong(port, "joe", "secret")
        wait_for(lambda: "SASL authentication failure: PAM: " in system.log(), "the line in the log", system, 20)
        # The real users of this machine, by /etc/shadow, which smtpd cannot read.
        service.file.write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
        with a_user_of_this_machine("postfix-rs-login", "machine"):
            right(port, "postfix-rs-login", "machine"), wrong(port, "postfix-rs-login", "x")
        assert {login.result()[0] for login in hanging} == {454}
        wait_for(lambda: "no answer for 20 s" in system.log(), "the line in the log", system, 20)
        service.file.unlink()
        code, text = log_in(port, "joe", "secret")
        assert code in (454, 535), (code, text)
        service.file.write_text(service.text)
        right(port, "joe", "secret")
        for word in ("pass word", "third"):
            assert word not in system.log()
        for process in (system.home / "hangs").read_text().split():
            assert not pathlib.Path(f"/proc/{process}").exists() or end_of(int(process)), "the module still hangs"


def end_of(process):
    """Ends a program that a module has started, and that has outlived its worker."""
    os.kill(process, signal.SIGKILL)
    return True


class a_user_of_this_machine:
    def __init__(self, name, password):
        self.name, self.password = name, password

    def __enter__(self):
        subprocess.run(["useradd", "-M", "-p", crypted(self.password), self.name], check=True)

    def __exit__(self, *_):
        subprocess.run(["userdel", self.name], check=True, stderr=subprocess.DEVNULL)


def a_flood():
    """A thousand logins at once, while mail without a login goes on."""
    with System({**FILE, "default_process_limit": "1100", "smtpd_recipient_restrictions": "permit_mynetworks, reject", "smtpd_relay_restrictions": "permit_mynetworks, reject"}) as system:
        passwd(system, "add", "joe", password="secret")
        (system.etc / "users").write_text(f"joe:{crypted('secret')}\n")
        clients = [socket.create_connection(("127.0.0.1", system.port), 120) for _ in range(1000)]
        for client in clients:
            assert client.recv(1000).startswith(b"220 ")
            client.sendall(b"HELO x\r\n")
        for number, client in enumerate(clients):
            assert client.recv(1000).startswith(b"250 ")
            password = "secret" if number % 10 == 0 else f"guess{number}"
            client.sendall(b"AUTH PLAIN " + base64.b64encode(f"\0joe\0{password}".encode()) + b"\r\n")
        started = time.monotonic()
        with smtplib.SMTP("127.0.0.1", system.port, "client.test", timeout=60) as other:
            other.sendmail("me@example.org", ["user1@box.test"], "Subject: meanwhile\n\nx\n")
        between = time.monotonic() - started
        codes = [client.recv(1000)[:3].decode() for client in clients]
        most = max(memory(process) for process in system.processes())
        print(f"        a message meanwhile: {between:.1f} s; {len(clients)} logins: {time.monotonic() - started:.1f} s, {most} MiB, { {code: codes.count(code) for code in set(codes)} }")
        # Who waited for more than 30 s is told to come again.
        assert set(codes) <= {"235", "535", "454"} and codes.count("535") > 100 and all((code == "235") <= (number % 10 == 0) for number, code in enumerate(codes)), codes
        assert most < 700, f"{most} MiB"
        for client in clients:
            client.close()
        right(system.port, "joe", "secret")
        system.drain()


def memory(process):
    try:
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{process}/status").read_text())[1]) // 1024
    except (OSError, TypeError):
        return 0


HOSTILE = ["AUTH PLAIN " + base64.b64encode(b"\0" * 500).decode(), "AUTH PLAIN " + "A" * 1900, "AUTH PLAIN " + base64.b64encode(b"\0joe\0\xff\xfe").decode(), "AUTH PLAIN " + base64.b64encode("\0jo\u202ee\r\nX: y\0x".encode()).decode(),
           "AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=" + b"j" * 1300 + b",r=x").decode(), "AUTH SCRAM-SHA-256 " + base64.b64encode(b"p=tls-unique,,n=joe,r=x").decode(), "AUTH CRAM-MD5 YQ==", "AUTH \x01 x", "AUTH SCRAM-SHA-1 ="]


def hostile_clients():
    with System({**FILE, "smtpd_soft_error_limit": "1000", "smtpd_hard_error_limit": "1000", "smtpd_error_sleep_time": "0"}) as system:
        passwd(system, "add", "joe", "-s", "plain", password="secret")
        with socket.create_connection(("127.0.0.1", system.port), 60) as s:
            f = s.makefile("rb")
            f.readline(), s.sendall(b"EHLO x\r\n")
            while f.readline()[3:4] == b"-":
                pass
            for line in HOSTILE:
                s.sendall(line.encode("latin-1") + b"\r\n")
                reply = f.readline()
                assert reply[:1] in (b"5", b"4"), (line, reply)
            for start in (b"AUTH CRAM-MD5\r\n", b"AUTH LOGIN\r\n", b"AUTH PLAIN\r\n", b"AUTH SCRAM-SHA-1 " + base64.b64encode(b"n,,n=joe,r=x") + b"\r\n"):
                for response in (b"\r\n", b"====\r\n", b"A" * 12000 + b"\r\n", base64.b64encode(bytes(range(256)) * 8) + b"\r\n", b"*\r\n"):
                    s.sendall(start)
                    assert f.readline()[:4] == b"334 "
                    s.sendall(response)
                    reply = f.readline()
                    if reply[:3] == b"334":
                        s.sendall(b"*\r\n")
                        reply = f.readline()
                    assert reply[:1] in (b"5", b"4"), (start, response[:20], reply)
            s.sendall(b"AUTH LOGIN\r\n"), f.readline()
        right(system.port, "joe", "secret", *OWN)
        log = system.log()
        assert "panic" not in log and all(line.startswith(("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")) for line in log.splitlines())


def guesses_are_slowed_and_found():
    """Who guesses waits; fail2ban's filter finds who did, and names and addresses are where it looks for them."""
    with System({**FILE, "smtpd_client_event_limit_exceptions": "", "smtpd_client_auth_rate_limit": "8"}) as system:
        passwd(system, "add", "joe", "-s", "plain", password="secret")
        times = []
        for number in range(7):
            started = time.monotonic()
            wrong(system.port, "joe", f"guess{number}", OWN[number % 3])
            times.append(time.monotonic() - started)
        assert times[5] >= 1 and times[6] >= 2, times
        started = time.monotonic()
        right(system.port, "joe", "secret", "PLAIN")
        assert time.monotonic() - started >= 4, "a right password told early"
        wait_for(lambda: "5 failed SASL logins lately; the next one is answered after 1 s" in system.log(), "the line in the log", system, 20)
        wrong(system.port, "joe", "x", "PLAIN", code=450)
        wait_for(lambda: "AUTH command rate limit exceeded: 9 from" in system.log(), "the line in the log", system, 20)
        failures = [line for line in system.log().splitlines() if "authentication failed" in line]
        assert len(failures) == 7 and all("sasl_username=joe" in line for line in failures), failures
        file = system.home / "failures"
        # As a client from elsewhere would be logged: fail2ban does not ban this machine itself.
        file.write_text("".join(line.replace("localhost[127.0.0.1]", "unknown[198.51.100.7]").replace("unknown[127.0.0.1]", "unknown[198.51.100.7]") + "\n" for line in system.log().splitlines()))
        out = subprocess.run(["fail2ban-regex", "--print-all-matched", str(file), "/etc/fail2ban/filter.d/postfix.conf[mode=auth]"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
        assert re.search(r"Failregex: 7 total", out), out
        assert "guess" not in re.sub(r"guesses", "", system.log())


def kinds_that_are_not_there():
    system = System({**BASE, "smtpd_sasl_type": "kerberos"})
    check = lambda: system.command("postfix", "-c", system.etc, "check", stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
    out = check()
    assert "smtpd_sasl_type = kerberos: unsupported SASL server implementation: kerberos" in out, out
    main_cf = (system.etc / "main.cf").read_text()
    (system.etc / "main.cf").write_text(main_cf.replace("kerberos", "file"))
    assert "sasl_users: No such file or directory: make it with postpasswd add" in check(), check()
    (system.etc / "sasl").mkdir(), (system.etc / "sasl/smtpd.conf").write_text("auxprop_plugin: sql\n")
    (system.etc / "main.cf").write_text(main_cf.replace("kerberos", "cyrus"))
    assert "auxprop_plugin: sql is not built in; there are sasldb" in check(), check()
    kinds = system.output("postconf", "-a").split()
    assert {"cyrus", "dovecot", "file"} <= set(kinds), kinds
    shutil.rmtree(system.home)


TESTS = (a_file_of_our_own, sasldb, saslauthd_by_pam, pam, a_flood, hostile_clients, guesses_are_slowed_and_found, kinds_that_are_not_there)
main(*[test for test in TESTS if len(sys.argv) < 3 or test.__name__ in sys.argv[2:]])
