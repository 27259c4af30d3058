"""A private mail system on high ports for the system tests: staged programs, own configuration, own queue.

Runs with root's rights where the caller has them (then workers become users, as in production), otherwise as one user.
"""
import getpass, os, pathlib, pwd, shutil, signal, socket, subprocess, sys, tempfile, time

PATIENCE = 60


def stage():
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} STAGE (a folder made by postfix-installer install --root)")
    return pathlib.Path(sys.argv[1]).resolve()


def skip(why):
    """Says why this test does not run here; 77 is the exit code for that, and CI takes it for a failure."""
    print(f"skipped: {why}")
    sys.exit(77)


def free_port(start=2600):
    for port in range(start, start + 400):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


class System:
    """main: parameters over the base configuration; master: further master.cf lines."""

    def __init__(self, main=None, master=""):
        self.stage = stage()
        self.sbin = self.stage / "usr/sbin"
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="postfix-rs-test-"))
        os.chmod(self.home, 0o755)
        self.etc, self.queue, self.mail = self.home / "etc", self.home / "queue", self.home / "mail"
        for d in (self.etc, self.queue, self.mail, self.home / "data", self.home / "log"):
            d.mkdir()
        self.port = free_port()
        root = os.geteuid() == 0
        owner = "postfix" if root else getpass.getuser()
        if root:
            shutil.chown(self.home / "data", "postfix")
        user = pwd.getpwnam("nobody" if root else owner)
        os.chown(self.mail, user.pw_uid, user.pw_gid)
        settings = dict(
            compatibility_level="3.11", queue_directory=self.queue, data_directory=self.home / "data",
            command_directory=self.sbin, daemon_directory=self.stage / "usr/libexec/postfix",
            mail_owner=owner, setgid_group="postdrop" if root else __import__("grp").getgrgid(user.pw_gid).gr_name,
            myhostname="test.localhost", mydestination="", inet_interfaces="127.0.0.1", inet_protocols="ipv4",
            mynetworks="127.0.0.0/8", alias_maps="", alias_database="", local_recipient_maps="",
            maillog_file=self.home / "log/maillog", maillog_file_prefixes="/",
            virtual_mailbox_domains="box.test", virtual_mailbox_base=self.mail,
            virtual_uid_maps=f"static:{user.pw_uid}", virtual_gid_maps=f"static:{user.pw_gid}",
            virtual_minimum_uid="100" if user.pw_uid >= 100 else "0")
        settings["virtual_mailbox_maps"] = f"texthash:{self.etc}/boxes"
        (self.etc / "boxes").write_text("".join(f"user{i}@box.test user{i}/\n" for i in range(100)))
        settings.update(main or {})
        (self.etc / "main.cf").write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))
        services = ["pickup unix n - n 60 1 pickup", "qmgr unix n - n 300 1 qmgr", "cleanup unix n - n - 0 cleanup",
                    "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
                    "trace unix - - n - 0 bounce", "smtp unix - - n - - smtp", "relay unix - - n - - smtp",
                    "lmtp unix - - n - - lmtp", "local unix - n n - - local", "virtual unix - n n - - virtual",
                    "showq unix n - n - - showq", "error unix - - n - - error", "retry unix - - n - - error",
                    "discard unix - - n - - discard", "flush unix n - n 1000? 0 flush", "postlog unix-dgram n - n - 1 postlogd"]
        (self.etc / "master.cf").write_text(f"127.0.0.1:{self.port} inet n - n - - smtpd\n" + "\n".join(services) + "\n" + master)
        self.environment = dict(os.environ, MAIL_CONFIG=str(self.etc))

    def command(self, *words, **kw):
        words = [str(self.sbin / words[0]), *map(str, words[1:])]
        return subprocess.run(words, env=self.environment, text=kw.pop("text", True), **kw)

    def output(self, *words):
        return self.command(*words, stdout=subprocess.PIPE).stdout

    def start(self):
        done = self.command("postfix", "-c", self.etc, "start")
        if done.returncode:
            raise RuntimeError("start failed\n" + self.log())
        wait_for(lambda: can_connect(self.port), "the SMTP port", self)
        return self

    def stop(self):
        self.command("postfix", "-c", self.etc, "stop", stderr=subprocess.DEVNULL)

    def log(self):
        path = self.home / "log/maillog"
        return path.read_text(errors="replace") if path.exists() else ""

    def processes(self):
        """Process IDs of master and of all that it started."""
        try:
            master = int((self.queue / "pid/master.pid").read_text())
        except (OSError, ValueError):
            return []
        found = subprocess.run(["pgrep", "-P", str(master)], stdout=subprocess.PIPE, text=True).stdout.split()
        return [master] + [int(p) for p in found]

    def queue_is_empty(self):
        done = self.command("postqueue", "-j", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return done.returncode == 0 and not done.stdout.strip() and not list((self.queue / "maildrop").iterdir())

    def drain(self, seconds=PATIENCE):
        wait_for(self.queue_is_empty, "an empty queue", self, seconds)

    def maildir(self, user):
        new = self.mail / user / "new"
        return sorted(new.iterdir()) if new.is_dir() else []

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        self.stop()
        if kind is None:
            shutil.rmtree(self.home, ignore_errors=True)
        else:
            print(f"left for inspection: {self.home}\n--- end of its log\n" + "\n".join(self.log().splitlines()[-60:]))


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
        return True
    except OSError:
        return False


def wait_for(condition, what, system=None, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(0.05)


def end(process):
    """Ends a process that this test started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main(*tests, patient=True):
    """Runs the test functions, or those that the command line names; prints a closing line that a test runner would.

    patient: a test whose wait ran out is run a second time, and the report says so: on a loaded machine that says little about
    the mail system. A wrong answer is never asked for again.
    """
    chosen = [test for test in tests if not sys.argv[2:] or test.__name__ in sys.argv[2:]]
    failed = [test for test in chosen if not passes(test, patient)]
    print(f"{len(chosen) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


def passes(test, again):
    started = time.monotonic()
    try:
        test()
    except Exception as problem:
        import traceback
        traceback.print_exc()
        if again and isinstance(problem, TimeoutError):
            print(f"SLOW  {test.__name__}: {problem}; once more", flush=True)
            return passes(test, again=False)
        print(f"FAIL  {test.__name__}", flush=True)
        return False
    print(f"ok    {test.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
    return True
