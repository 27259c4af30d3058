#!/usr/bin/env python3
"""nis: tables with a real ypserv: rpcbind, ypbind and ypserv in namespaces of their own.

Hits and misses with and without NUL in the map, hostile keys, a server that goes and comes back, a map that is not there, a host
without a NIS domain. STAGE must have been built with the feature `nis`.
"""
import os, pathlib, shutil, smtplib, subprocess, sys, tempfile
sys.path.insert(0, os.path.dirname(__file__))
from common import System, end, main, skip, stage, wait_for

DOMAIN = "nis.test"
PROGRAMS = {name: shutil.which(name, path="/usr/sbin:/sbin:/usr/bin") for name in ("rpcbind", "ypserv", "ypbind", "rpcinfo")}
MAKEDBM = "/usr/lib/yp/makedbm"

if os.geteuid() != 0:
    skip("namespaces need root")
missing = [name for name, path in PROGRAMS.items() if not path]
if missing or not os.path.exists(MAKEDBM):
    skip(f"not installed: {', '.join(missing) or MAKEDBM}")
if "NIS_NAMESPACE" not in os.environ:
    os.environ["NIS_NAMESPACE"] = "yes"
    os.execvp("unshare", ["unshare", "-n", "-m", "-u", "-i", "--propagation", "private", sys.executable, *sys.argv])

HOME = pathlib.Path(tempfile.mkdtemp(prefix="nis-"))
HOME.chmod(0o755)
SBIN = stage() / "usr/sbin"
running = {}


def sh(*words, **kw):
    return subprocess.run([str(w) for w in words], check=True, **kw)


def launch(name, *words):
    log = open(HOME / f"{name}.log", "ab")
    running[name] = subprocess.Popen([PROGRAMS[name], *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def stop(name):
    end(running.pop(name))


def registered(program):
    done = subprocess.run([PROGRAMS["rpcinfo"], "-T", "udp", "127.0.0.1", program, "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
    return done.returncode == 0


def machine():
    """Mounts and the network, as in a container."""
    sh("ip", "link", "set", "lo", "up")
    for folder in ("/run", "/var/yp"):
        sh("mount", "-t", "tmpfs", "tmpfs", folder)
    os.makedirs("/var/yp/binding")
    os.makedirs(f"/var/yp/{DOMAIN}")
    pathlib.Path("/proc/sys/kernel/domainname").write_text(DOMAIN)
    conf = {"yp.conf": f"domain {DOMAIN} server 127.0.0.1\n", "ypserv.conf": "* : * : * : none\n", "ypserv.securenets": "255.0.0.0 127.0.0.0\n"}
    for name, text in conf.items():
        (HOME / name).write_text(text)
        target = pathlib.Path("/etc") / name
        if target.exists():
            sh("mount", "--bind", HOME / name, target)
    rows = {f"user{i}@a.test": f"box{i}@b.test" for i in range(300)} | {"it's": "apostrophe", "long": "x" * 900}
    text = "".join(f"{k} {v}\n" for k, v in rows.items())
    (HOME / "rows").write_text(text)
    sh(MAKEDBM, HOME / "rows", f"/var/yp/{DOMAIN}/plain")
    launch("rpcbind", "-f", "-w")
    wait_for(lambda: subprocess.run([PROGRAMS["rpcinfo"], "-p", "127.0.0.1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0, "rpcbind")
    launch("ypserv", "-d")
    wait_for(lambda: registered("100004"), "ypserv")
    launch("ypbind", "-foreground")
    wait_for(lambda: registered("100007"), "ypbind")
    (HOME / "etc").mkdir()
    (HOME / "etc/main.cf").write_text("compatibility_level = 3.11\nmaillog_file = \n")


def ask(table, key, code=0):
    done = subprocess.run([SBIN / "postmap", "-c", HOME / "etc", "-q", key, f"nis:{table}"], text=True, capture_output=True, timeout=100)
    ask.said = done.stderr
    assert done.returncode == code, (table, key, done)
    return done.stdout.rstrip("\n")


def lookups():
    wait_for(lambda: subprocess.run([SBIN / "postmap", "-c", HOME / "etc", "-q", "user7@a.test", "nis:plain"], capture_output=True).returncode == 0, "the binding")
    assert ask("plain", "user7@a.test") == "box7@b.test" and ask("plain", "USER7@a.test") == "box7@b.test" and not ask.said
    assert ask("plain", "it's") == "apostrophe" and ask("plain", "long") == "x" * 900
    for key in ("nobody", "user7@a.test ", "u" * 5000, "YP_MASTER_NAME\n", "*", "ключ", "../plain"):
        assert ask("plain", key, 1) == "", key
    keys = "".join(f"user{i}@a.test\n" for i in range(300))
    done = subprocess.run([SBIN / "postmap", "-c", HOME / "etc", "-q", "-", "nis:plain"], input=keys, text=True, capture_output=True, timeout=100)
    assert done.stdout == "".join(f"user{i}@a.test\tbox{i}@b.test\n" for i in range(300)), done
    ask("no.such.map", "x", 1)
    assert f"lookup x, NIS domain {DOMAIN}, map no.such.map: no such map in server's domain" in ask.said, ask.said
    ask("../../etc/passwd", "root", 1)


def outage():
    system = System({"smtpd_recipient_restrictions": "check_recipient_access pipemap:{nis:plain,regexp:{{/box/ OK}}}, reject", "smtpd_relay_restrictions": "permit",
                     "smtpd_client_connection_rate_limit": "0"})
    with system:
        def reply(user):
            with smtplib.SMTP("127.0.0.1", system.port, timeout=100) as client:
                client.ehlo("x.test")
                client.mail("me@x.test")
                return client.rcpt(user)[0]
        assert reply("user7@a.test") == 250 and reply("nobody@a.test") == 554
        before = len(system.log())
        stop("ypserv")
        assert [reply(f"user{i}@a.test") for i in range(4)] == [451] * 4
        said = [line for line in system.log()[before:].splitlines() if "NIS domain" in line]
        assert len(said) == 1 and "warning: lookup user0@a.test, NIS domain" in said[0], said
        launch("ypserv", "-d")
        wait_for(lambda: reply("user8@a.test") == 250, "ypserv to come back", system)


def no_domain():
    pathlib.Path("/proc/sys/kernel/domainname").write_text("(none)")
    ask("plain", "user7@a.test", 1)
    assert "NIS domain name not set - NIS lookups disabled" in ask.said, ask.said


if __name__ == "__main__":
    try:
        main(machine, lookups, outage, no_domain)
    finally:
        for name in list(running):
            stop(name)
        shutil.rmtree(HOME, ignore_errors=True)
