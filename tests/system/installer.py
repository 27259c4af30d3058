#!/usr/bin/env python3
"""The installer on a whole machine: install, name, first start, mail, doctor, uninstall; other mail systems in the way;
C Postfix replaced with its queue, and given back. Each test has a throw-away copy of this machine (tests/gentoo/namespace.sh)."""
import json, os, pathlib, pwd, re, shutil, smtplib, socket, subprocess, sys, threading, time
sys.path.insert(0, os.path.dirname(__file__))
from common import main, skip, stage, wait_for

HERE = pathlib.Path(__file__).resolve()
NAMESPACE = HERE.parents[1] / "gentoo/namespace.sh"
REFERENCE = pathlib.Path(os.environ.get("REFERENCE", "/tmp/reference"))
if os.geteuid() != 0:
    skip("root is needed to make throw-away machines")


def installer(*words, good=True, **kw):
    """Runs it as an administrator would: not in the source tree, with nobody to ask."""
    done = subprocess.run([PROGRAM, *words], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=120, **kw)
    if good is not None:
        assert (done.returncode == 0) == good, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def sh(command, **kw):
    done = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, **kw)
    assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}"
    return done.stdout


def tree(*folders):
    """What there is, for comparison: names, modes, owners, sizes, targets."""
    found = subprocess.run(["find", *folders, "-printf", r"%p %M %u:%g %l %y\n"], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return sorted(line for line in found.splitlines() if not line.startswith("/var/lib/postfix-installer"))


def without_mail_systems():
    """Debian's own packages, with their configuration, and what they have left."""
    status = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Provides}\\n"], text=True, stdout=subprocess.PIPE).stdout
    names = [line.split()[0] for line in status.splitlines() if "mail-transport-agent" in line]
    if names:
        sh("dpkg --purge --force-depends --force-remove-essential " + " ".join(names), env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    for path in ("/etc/postfix", "/var/spool/postfix", "/var/lib/postfix"):
        shutil.rmtree(path, ignore_errors=True)
    sh("rm -f /etc/aliases /etc/aliases.db")


def without_accounts():
    for command in ("userdel postfix", "groupdel postfix", "groupdel postdrop"):
        subprocess.run(command.split(), stderr=subprocess.DEVNULL)


def port_25():
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", 25)) == 0


def mail_of(user):
    folder = pathlib.Path(pwd.getpwnam(user).pw_dir) / ".maildir/new"
    return [path.read_text() for path in folder.iterdir()] if folder.is_dir() else []


def a_whole_life():
    without_accounts()
    sh("useradd -m alice")
    before = tree("/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/lib/systemd/system")
    installer("install")
    assert pwd.getpwnam("postfix").pw_dir == "/var/spool/postfix"
    assert "-rwxr-sr-x root:postdrop" in "".join(tree("/usr/sbin/postdrop"))
    again = json.loads(installer("install", "--json"))
    assert again["steps"] == [], again
    assert "does not resolve" in installer("configure", "--hostname", "mail.example.test", good=False)
    installer("configure", "--hostname", "mail.example.test", "--accept-unresolved")
    assert sh("hostname --fqdn").strip() == "mail.example.test"
    assert "nothing to change" in installer("configure", "--hostname", "mail.example.test")
    # A configuration with errors does not start, and leaves nothing running.
    main_cf = pathlib.Path("/etc/postfix/main.cf")
    text = main_cf.read_text()
    main_cf.write_text(text + "smtpd_timeout = soon\n")
    said = installer("first-start", good=False)
    assert "smtpd_timeout" in said and not port_25(), said
    main_cf.write_text(text)
    sh("postconf -e maillog_file=/var/log/maillog")
    installer("first-start", "--enable")
    wait_for(port_25, "port 25")
    assert pathlib.Path("/etc/systemd/system/multi-user.target.wants/postfix.service").is_symlink()
    assert json.loads(installer("status", "--json"))["pid"]
    assert "nothing to do" in installer("first-start", "--enable")
    sh("printf 'Subject: one\\n\\ntext\\n' | su alice -s /bin/sh -c '/usr/sbin/sendmail alice'")
    with smtplib.SMTP("127.0.0.1", 25) as client:
        client.sendmail("a@example.test", ["alice@mail.example.test"], "Subject: two\n\ntext\n")
    wait_for(lambda: len(mail_of("alice")) == 2, "two messages")
    findings = json.loads(installer("doctor", "--json", good=None))["findings"]
    bad = [f for f in findings if f["severity"] == "problem"]
    assert not bad, bad
    installer("uninstall", "--yes")
    assert not port_25()
    assert tree("/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/lib/systemd/system") == before
    assert main_cf.exists() and len(mail_of("alice")) == 2 and not os.path.exists("/var/lib/postfix-installer")
    # Accounts that an installation has made go with --purge, and nothing else does.
    without_accounts()
    sh("rm -r /etc/postfix /var/spool/postfix /var/lib/postfix")
    sh("getent passwd > /tmp/passwd; getent group > /tmp/group")
    installer("install", "--quiet")
    assert pwd.getpwnam("postfix")
    installer("uninstall", "--purge", "--yes", "--quiet")
    assert sh("getent passwd | diff - /tmp/passwd && getent group | diff - /tmp/group") == ""
    assert tree("/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/lib/systemd/system") == before and not main_cf.exists()


def after_cargo_install():
    """README: cargo install puts three programs into a folder, and the installer makes a mail system of them; CARGO_ROOT is where CI has done that."""
    cargo = pathlib.Path(os.environ.get("CARGO_ROOT", ""), "bin")
    programs = cargo if os.environ.get("CARGO_ROOT") else PROGRAM.parent
    names = re.findall(r'^\[\[bin\]\]\nname = "([^"]+)"', (HERE.parents[2] / "Cargo.toml").read_text(), re.M)
    assert sorted(names) == ["postdrop", "postfix", "postfix-installer"], names
    for name in names:
        shutil.copy(programs / name, f"/usr/local/bin/{name}")
    without_accounts()
    sh("useradd -m alice")
    local = "/usr/local/bin/postfix-installer"
    run = lambda *words: subprocess.run([local, *words], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    for words in (("check",), ("install",), ("configure", "--hostname", "mail.example.test", "--accept-unresolved"), ("first-start", "--no-start")):
        done = run(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}"
    # They find each other where they are now, also when cargo's copies are gone.
    for name in names:
        os.unlink(f"/usr/local/bin/{name}")
    for link in ("/usr/sbin/sendmail", "/usr/bin/mailq", "/usr/bin/newaliases", "/usr/sbin/postconf", "/usr/libexec/postfix/smtpd", "/usr/lib/sendmail"):
        assert os.path.realpath(link) == "/usr/sbin/postfix", (link, os.path.realpath(link))
    assert os.path.realpath("/usr/sbin/postqueue") == "/usr/sbin/postdrop" and os.stat("/usr/sbin/postdrop").st_mode & 0o2000
    sh("postconf -e maillog_file=/var/log/maillog home_mailbox=.maildir/ mail_spool_directory=")
    sh("postfix start")
    wait_for(port_25, "port 25")
    sh("printf 'Subject: one\\n\\ntext\\n' | su alice -s /bin/sh -c '/usr/sbin/sendmail alice'")
    wait_for(lambda: len(mail_of("alice")) == 1, "a message")
    assert "queue is empty" in sh("mailq") and "postfix/local" in pathlib.Path("/var/log/maillog").read_text()
    sh("postfix stop")
    installer("uninstall", "--yes", "--quiet")
    assert not os.path.exists("/usr/sbin/postfix")


def accounts_without_tools():
    without_accounts()
    for name in ("useradd", "groupadd", "adduser", "addgroup"):
        path = shutil.which(name)
        if path:
            os.unlink(path)
    installer("install", "--quiet")
    entry = pwd.getpwnam("postfix")
    assert entry.pw_dir == "/var/spool/postfix" and os.stat("/usr/sbin/postdrop").st_mode & 0o2000
    assert os.stat("/var/spool/postfix/active").st_uid == entry.pw_uid


def others_are_in_the_way():
    shutil.copy("/bin/sleep", "/usr/sbin/exim4")
    daemon = subprocess.Popen(["/usr/sbin/exim4", "1000"], start_new_session=True)
    holder = subprocess.Popen([sys.executable, "-c", "import socket,time; s=socket.create_server(('127.0.0.1',25)); time.sleep(1000)"])
    wait_for(port_25, "port 25")
    time.sleep(2)  # what has just started may be somebody sending a message
    before = tree("/usr/sbin", "/etc", "/var/lib")
    said = installer("install", good=False)
    assert f"is running: exim4, process {daemon.pid}" in said, said
    assert "serves port 25 on 127.0.0.1" in said and f"process {holder.pid}" in said, said
    assert "[blocks B] exim " in said and "nothing has been changed" in said, said
    assert tree("/usr/sbin", "/etc", "/var/lib") == before, set(tree("/usr/sbin", "/etc", "/var/lib")) ^ set(before)
    for process in (daemon, holder):
        threading.Thread(target=process.wait, daemon=True).start()  # so that what is ended is gone
    said = installer("install", "--replace", "--yes")
    assert not port_25() and os.path.islink("/usr/sbin/sendmail"), (port_25(), said)


def read_only_etc_and_no_root():
    before = tree("/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/lib/systemd", "/etc", "/var/lib", "/var/spool")
    sh("mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    said = installer("install", good=False)
    assert "cannot write to /etc: Read-only file system" in said and "read-write" in said, said
    said = installer("configure", "--hostname", "a.example.test", "--accept-unresolved", good=False)
    assert "Read-only" in said, said
    assert tree("/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/lib/systemd", "/etc", "/var/lib", "/var/spool") == before
    sh("umount /etc")
    assert "as root" in installer("install", good=False, user="nobody")
    assert "postfix-installer install" in installer("first-start", good=False, user="nobody")
    assert tree("/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/lib/systemd", "/etc", "/var/lib", "/var/spool") == before
    installer("install", "--quiet")
    for words in (("uninstall", "--yes"), ("first-start",), ("configure", "--myhostname", "a.example.test", "--accept-unresolved")):
        assert "root" in installer(*words, good=False, user="nobody"), words


def an_open_relay():
    installer("install", "--quiet")
    installer("configure", "--quiet", "--hostname", "mail.example.test", "--accept-unresolved")

    def relay():
        """What is wrong, after a real dialogue: reading the configuration is the second best."""
        findings = [f for f in json.loads(installer("doctor", "--json", good=None))["findings"] if f["check"] == "relay"]
        assert not any("could not be tried out" in f["text"] for f in findings), findings
        return [f for f in findings if f["severity"] == "problem"]

    sh("ip addr add 192.0.2.10/24 dev lo && ip -6 addr add 2001:db8:7::1/64 dev lo nodad")
    assert relay() == []
    main_cf = pathlib.Path("/etc/postfix/main.cf")
    text = main_cf.read_text()
    for bad in ("mynetworks = 0.0.0.0/0\n", "mynetworks =\nsmtpd_relay_restrictions = check_sender_access inline:{{ stranger@iana.org = OK }}, reject\n"):
        main_cf.write_text(text.replace("mynetworks_style = host", "") + bad)
        found = relay()
        assert len(found) == 1 and "open relay: smtp" in found[0]["text"] and "RCPT TO:<" in found[0]["text"], found
        assert "smtpd_relay_restrictions = " in found[0]["fix"], found
    # No open relay, because smtpd refuses to serve with that.
    main_cf.write_text(text + "smtpd_relay_restrictions = permit\n")
    found = relay()
    assert len(found) == 1 and "smtpd does not start: in parameter smtpd_relay_restrictions" in found[0]["text"], found
    main_cf.write_text(text)
    master_cf = pathlib.Path("/etc/postfix/master.cf")
    master_cf.write_text(master_cf.read_text() + "2525 inet n - n - - smtpd -o mynetworks=0.0.0.0/0\n")
    found = relay()
    assert len(found) == 1 and "open relay: 2525" in found[0]["text"], found
    # Neighbours only: of an interface's network, by either protocol.
    main_cf.write_text(text.replace("mynetworks_style = host", "mynetworks = 127.0.0.0/8 192.0.2.0/24 [2001:db8:7::]/64"))
    said = [f["text"] for f in json.loads(installer("doctor", "--json", good=None))["findings"] if f["check"] == "relay"]
    assert any("every machine in 192.0.2.0/24" in line for line in said) and any("every machine in 2001:db8:7::/64" in line for line in said), said


def c_postfix_is_replaced_and_given_back():
    if not (REFERENCE / "usr/lib/postfix/sbin/master").exists():
        skip(f"no Postfix below {REFERENCE}")
    for folder in ("usr/lib/postfix", "usr/sbin", "usr/bin", "usr/share/postfix"):
        sh(f"mkdir -p /{folder} && cp -a {REFERENCE}/{folder}/. /{folder}/")
    etc = pathlib.Path("/etc/postfix")
    sh(f"mkdir -p /etc/postfix && cp -a {REFERENCE}/etc/postfix/. /etc/postfix/ && cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf")
    master_cf = (etc / "master.cf").read_text()
    (etc / "master.cf").write_text(re.sub(r"^(\w+ +\S+ +\S+ +\S+ +)y", r"\1n", master_cf, flags=re.M))
    sh("getent group postdrop || groupadd -r postdrop; getent passwd postfix || useradd -r -M -d /var/spool/postfix -s /usr/sbin/nologin -U postfix")
    sh("useradd -m alice; mkdir -p /var/lib/postfix /var/spool/postfix; chown postfix: /var/lib/postfix;"
       "chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue; chmod 2755 /usr/sbin/postdrop /usr/sbin/postqueue")
    own = "compatibility_level = 3.6\nmyhostname = mail.example.test\nmydestination = mail.example.test\ninet_interfaces = loopback-only\n" \
          "maillog_file = /var/log/maillog\nalias_maps = texthash:/etc/aliases\nalias_database =\ndaemon_directory = /usr/lib/postfix/sbin\n" \
          "defer_transports = smtp local\nhome_mailbox = .maildir/\nsetgid_group = postdrop\nmax_use = 50\nnosuch_parameter = x\n"
    (etc / "main.cf").write_text(own)
    pathlib.Path("/etc/aliases").write_text("root: alice\n")
    sh("script -qec 'postfix start' /dev/null")
    wait_for(port_25, "C Postfix")
    for number in range(3):
        sh(f"printf 'Subject: n{number}\\n\\n.text {number}\\n' | sendmail -f bob@mail.example.test alice@mail.example.test far@elsewhere.test")
    deferred = lambda: sh("find /var/spool/postfix/deferred -type f").split()
    wait_for(lambda: len(deferred()) == 3, "three deferred messages")
    held = pathlib.Path(sorted(deferred())[0]).name
    sh(f"postsuper -h {held}")
    names = sorted(pathlib.Path(p).name for p in deferred()) + [held]
    assert "[blocks B] postfix" in installer("install", good=False)
    sh("postfix stop")
    said = installer("install", good=False)
    assert "/usr/sbin/sendmail" in said, said
    programs = tree("/usr/sbin", "/usr/bin")
    installer("install", "--replace", "--yes", "--quiet")
    assert (etc / "main.cf").read_text() == own
    (etc / "master.cf").write_text((etc / "master.cf").read_text() + "ask unix - n n - - askd\n")
    # A plan first, which says what will be other than it was; then the same, carried out.
    for words in (("migrate", "postfix", "--dry-run"), ("doctor", "--offline", "--json"), ("migrate", "postfix")):
        assert deferred()
        said = installer(*words, good=None if words[0] == "doctor" else True)
        assert "max_use has no effect" in said and "there is no program askd here" in said and "nosuch_parameter" in said, said
        assert words[0] != "doctor" or "3 messages of C Postfix" in said, said
    assert not deferred()
    listed = [json.loads(line) for line in sh("postqueue -j 2>/dev/null").splitlines()]
    assert sorted(m["queue_id"] for m in listed) == sorted(names), listed
    assert [m["queue_id"] for m in listed if m["queue_name"] == "hold"] == [held]
    assert {r["address"] for m in listed for r in m["recipients"]} == {"alice@mail.example.test", "far@elsewhere.test"}
    # Back again: C Postfix finds its mail, and delivers it.
    installer("migrate", "--back")
    assert (etc / "main.cf").read_text() == own and sh("postqueue -j 2>/dev/null") == ""
    installer("uninstall", "--yes", "--quiet")
    assert tree("/usr/sbin", "/usr/bin") == programs
    (etc / "main.cf").write_text(own.replace("defer_transports = smtp local", "defer_transports = smtp"))
    shown = sh(f"postcat -q {held}")
    assert "Subject: n" in shown and "bob@mail.example.test" in shown, shown
    sh("chmod 666 /var/log/maillog; postfix start; postsuper -H ALL; postqueue -f")
    wait_for(lambda: len(mail_of("alice")) == 3, "what C Postfix delivers")
    for number in range(3):
        assert any(f"Subject: n{number}" in text and f".text {number}\n" in text for text in mail_of("alice"))
    # And once more to us: the first start takes it over without being asked.
    sh("postfix stop")
    (etc / "main.cf").write_text(own)
    installer("install", "--replace", "--yes", "--quiet")
    sh("sed -i s,/usr/lib/postfix/sbin,/usr/libexec/postfix, /etc/postfix/main.cf")
    installer("first-start")
    wait_for(port_25, "postfix-rs")
    assert len(sh("postqueue -j 2>/dev/null").splitlines()) == 3 and not deferred()


# Mail systems as other distributions pack them: package, what it provides there, its name in messages.
RPMS = [("postfix", "MTA smtpdaemon server(smtp)", "postfix"), ("exim", "MTA server(smtp)", "exim"), ("sendmail", "MTA smtpdaemon server(smtp)", "sendmail"),
        ("opensmtpd", "MTA server(smtp)", "opensmtpd"), ("ssmtp", "MTA", "ssmtp"), ("esmtp", "MTA", "esmtp"), ("dma", "server(smtp)", "dma"),
        ("courier", "MTA", "courier"), ("nullmailer", "smtp_daemon", "nullmailer"), ("masqmail", "smtp_daemon", "masqmail"), ("somemta", "smtp_daemon", "somemta")]
PACMAN = [("postfix", "smtp-server smtp-forwarder", "postfix"), ("exim", "smtp-forwarder smtp-server", "exim"), ("opensmtpd", "smtp-server", "opensmtpd"),
          ("msmtp-mta", "smtp-forwarder", "msmtp"), ("ssmtp", "smtp-forwarder", "ssmtp"), ("dma", "smtp-forwarder", "dma"),
          ("nullmailer", "smtp-forwarder", "nullmailer"), ("somemta", "smtp-server", "somemta")]
DPKG = [("exim4-daemon-light", "exim"), ("postfix", "postfix"), ("sendmail-bin", "sendmail"), ("courier-mta", "courier"), ("opensmtpd", "opensmtpd"), ("ssmtp", "ssmtp"),
        ("msmtp-mta", "msmtp"), ("nullmailer", "nullmailer"), ("esmtp-run", "esmtp"), ("dma", "dma"), ("citadel-server", "citadel"), ("masqmail", "masqmail"),
        ("qmail", "netqmail"), ("notqmail", "notqmail"), ("somemta", "somemta")]


def seen_in(root):
    """Names and remedies of what is in the way of an installation into that machine."""
    pathlib.Path(root, "etc").mkdir(parents=True, exist_ok=True)
    done = subprocess.run([PROGRAM, "install", "--root", root, "--dry-run", "--json"], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120)
    conflicts = json.loads(done.stdout).get("conflicts", [])
    assert (done.returncode != 0) == bool(conflicts), done.stdout
    return sorted(one["name"] for one in conflicts), json.dumps(conflicts)


def databases_of_rpm():
    """Written by rpm itself, where Fedora had it and where it is now."""
    if not shutil.which("rpmbuild"):
        skip("no rpmbuild")
    work = pathlib.Path("/tmp/rpm")
    work.mkdir()
    spec = "Name: agents\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n"
    for name, provides, _ in RPMS + [("msmtp", "", ""), ("bash", "", "")]:
        spec += f"%package -n {name}\nSummary: x\n" + (f"Provides: {provides}\n" if provides else "") + f"%description -n {name}\nx\n%files -n {name}\n"
    (work / "agents.spec").write_text(spec)
    sh(f"cd {work} && rpmbuild --quiet --define '_topdir {work}' --define '_build_id_links none' --target noarch -bb agents.spec")
    for number, folder in enumerate(("/var/lib/rpm", "/usr/lib/sysimage/rpm")):
        root = f"/tmp/rpm-{number}"
        rpm = f"rpm --root {root} --dbpath {folder} --nodeps --force-debian"
        pathlib.Path(root + folder).mkdir(parents=True)
        sh(f"{rpm} -i {work}/RPMS/noarch/msmtp-1-1.noarch.rpm {work}/RPMS/noarch/bash-1-1.noarch.rpm")
        assert seen_in(root)[0] == [], seen_in(root)
        sh(f"{rpm} -i " + " ".join(f"{work}/RPMS/noarch/{name}-1-1.noarch.rpm" for name, _, _ in RPMS))
        names, text = seen_in(root)
        assert names == sorted(agent for _, _, agent in RPMS), names
        assert '"remove", "exim"' in text and '"database": "rpm"' in text, text


def database_of_pacman():
    """Written by pacman itself."""
    if not shutil.which("pacman"):
        skip("no pacman")
    work, root = pathlib.Path("/tmp/pacman"), pathlib.Path("/tmp/pacman-root")
    (work / "usr/share").mkdir(parents=True)
    (root / "var/lib/pacman").mkdir(parents=True)
    (work / "conf").write_text("[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n")
    for name, provides, _ in PACMAN + [("msmtp", "", "")]:
        lines = [f"pkgname = {name}", f"pkgbase = {name}", "pkgver = 1-1", "pkgdesc = x", "builddate = 1", "size = 1", "arch = any"]
        (work / ".PKGINFO").write_text("\n".join(lines + [f"provides = {word}" for word in provides.split()]) + "\n")
        (work / "usr/share/file").rename(work / f"usr/share/{name}") if (work / "usr/share/file").exists() else (work / f"usr/share/{name}").touch()
        sh(f"cd {work} && tar --zstd -cf {name}-1-1-any.pkg.tar.zst .PKGINFO usr/share/{name}")
    pacman = f"cd {work} && pacman --config conf --root {root} --dbpath {root}/var/lib/pacman --cachedir {work}/c --hookdir {work}/h --logfile /dev/null --noconfirm -U"
    sh(f"{pacman} msmtp-1-1-any.pkg.tar.zst")
    assert seen_in(root)[0] == [], seen_in(root)
    sh(f"{pacman} " + " ".join(f"{name}-1-1-any.pkg.tar.zst" for name, _, _ in PACMAN))
    names, text = seen_in(root)
    assert names == sorted(agent for _, _, agent in PACMAN), names
    assert '"-R", "msmtp-mta"' in text and '"database": "pacman"' in text, text


def database_of_dpkg():
    """Written by dpkg itself."""
    for name, agent in DPKG:
        root, work = f"/tmp/dpkg-{name}", pathlib.Path(f"/tmp/deb-{name}/DEBIAN")
        work.mkdir(parents=True)
        (work / "control").write_text(f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\nProvides: mail-transport-agent\n")
        sh(f"mkdir -p {root}/var/lib/dpkg/info {root}/var/lib/dpkg/updates; touch {root}/var/lib/dpkg/status; dpkg-deb -b {work.parent} {work.parent}.deb; "
           f"dpkg --root={root} --force-script-chrootless --force-depends --log=/dev/null -i {work.parent}.deb")
        assert seen_in(root)[0] == [agent], (name, seen_in(root))
        sh(f"dpkg --root={root} --log=/dev/null --purge {name}")
        assert seen_in(root)[0] == [], name


# Packages of Alpine: name, what it provides, files, its name in messages; none is in nobody's way.
APK = [("postfix", "cmd:postfix cmd:sendmail cmd:mailq cmd:newaliases", "usr/bin/mailq usr/bin/newaliases usr/sbin/postfix usr/sbin/sendmail", "postfix"),
       ("exim", "cmd:exim cmd:sendmail", "usr/sbin/exim usr/sbin/sendmail", "exim"), ("opensmtpd", "cmd:smtpd", "usr/sbin/sendmail usr/sbin/smtpctl", "opensmtpd"),
       ("ssmtp", "cmd:ssmtp", "usr/sbin/sendmail usr/sbin/ssmtp", "ssmtp"), ("somemta", "cmd:somemta=1-r0 cmd:sendmail=1-r0", "usr/libexec/somemta", "somemta"),
       ("msmtp", "cmd:msmtp cmd:msmtpd", "usr/bin/msmtp usr/bin/msmtpd", None), ("busybox", "/bin/sh cmd:busybox cmd:sh", "bin/busybox bin/sh", None)]


def apk_stanza(name, provides, files):
    """A package in the form of apk's database, with all that stands between the fields that matter."""
    lines = [f"C:Q1{name:=<27}=", f"P:{name}", "V:1.2.3-r4", "A:x86_64", "S:1000", "I:4096", f"T:The program {name}", "U:https://example.org/", "L:MIT",
             f"o:{name}", "m:Somebody <somebody@example.org>", "t:1700000000", "c:0123456789012345678901234567890123456789", "D:/bin/sh so:libc.musl-x86_64.so.1",
             f"p:{provides}", "r:other", "F:etc", "R:conf", "a:0:0:600", "Z:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA="]
    for file in files.split():
        folder, _, base = file.rpartition("/")
        lines += [f"F:{folder}", "M:0:0:750", f"R:{base}", "a:0:0:755", "Z:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA="]
    return "\n".join(lines) + "\n\n"


def database_of_apk():
    """In apk's form, where Alpine had it and where it is now; without any, sendmail is a link to busybox, which is nobody's mail system."""
    for number, folder in enumerate(("lib/apk/db", "usr/lib/apk/db")):
        root = pathlib.Path(f"/tmp/apk-{number}")
        for path in (folder, "bin", "usr/sbin", "etc"):
            (root / path).mkdir(parents=True, exist_ok=True)
        (root / "etc/os-release").write_text('NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.0\n')
        (root / "bin/busybox").touch()
        (root / "usr/sbin/sendmail").symlink_to("/bin/busybox")
        database = root / folder / "installed"
        database.write_text("".join(apk_stanza(*one[:3]) for one in APK if one[3] is None))
        assert seen_in(root)[0] == [], seen_in(root)
        database.write_text("".join(apk_stanza(*one[:3]) for one in APK))
        names, text = seen_in(root)
        assert names == sorted(one[3] for one in APK if one[3]), names
        assert '"del", "postfix"' in text and '"database": "apk"' in text and '"version": "1.2.3-r4"' in text, text


def changed(before, *folders):
    """What is not as it was."""
    return set(tree(*folders)) ^ set(before)


def what_cannot_be_written_to():
    """Read-only mounts and immutable files: it is said before anything is changed, with what helps."""
    folders = ("/usr/sbin", "/usr/bin", "/usr/libexec", "/etc", "/var/spool")
    without_accounts()
    before = tree(*folders)
    for folder in ("/usr", "/etc", "/var/lib", "/var/spool"):
        sh(f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}")
        said = installer("install", good=False)
        assert f"cannot write to {folder}" in said and "read-write" in said and "nothing has been changed" in said, said
        sh(f"umount -l {folder}")
        assert not changed(before, *folders), changed(before, *folders)
    # A file that is a mount, and one that chattr has made immutable, in a folder that can be written to.
    sh("cp /etc/hosts /tmp/hosts; mount --bind /tmp/hosts /etc/hosts && mount -o remount,bind,ro /etc/hosts")
    names = ("configure", "--hostname", "mail.example.test", "--accept-unresolved")
    own = socket.gethostname()
    said = installer(*names, good=False)
    assert "cannot write to /etc/hosts: Read-only file system" in said and "nothing has been changed" in said, said
    sh("umount /etc/hosts")
    if subprocess.run(["chattr", "+i", "/etc/hosts"], stderr=subprocess.DEVNULL).returncode == 0:
        said = installer(*names, good=False)
        assert "cannot write to /etc/hosts: Operation not permitted" in said and "chattr -i /etc/hosts" in said, said
        sh("chattr -i /etc/hosts; mkdir -p /usr/libexec/postfix; chattr +i /usr/libexec/postfix")
        said = installer("install", good=False)
        assert "chattr -i /usr/libexec/postfix" in said and "nothing has been changed" in said, said
        sh("chattr -i /usr/libexec/postfix; rmdir /usr/libexec/postfix")
    assert socket.gethostname() == own and not changed(before, *folders), changed(before, *folders)


def tools_that_are_not_there_or_fail():
    """Whatever a step needs is looked for before the first; a step that fails takes back those before it; so does Ctrl-C."""
    folders = ("/usr/sbin", "/usr/libexec", "/etc", "/var/lib", "/var/spool")
    without_accounts()
    useradd = pathlib.Path(shutil.which("useradd"))
    kept = useradd.read_bytes()
    sh("getent passwd > /tmp/passwd; getent group > /tmp/group")
    before = [line for line in tree(*folders) if not line.split()[0].endswith("-")]
    untouched = lambda: not [line for line in changed(before, *folders) if not line.split()[0].endswith(("-", ".lock")) and "/etc/g" not in line and "/etc/passwd" not in line]
    as_it_was = lambda: sh("getent passwd | diff - /tmp/passwd && getent group | diff - /tmp/group") == ""
    useradd.write_text("#!/bin/sh\necho no more accounts for you >&2\nexit 1\n")
    said = installer("install", good=False)
    assert "no more accounts for you" in said and "everything is as it was before" in said, said
    assert untouched() and as_it_was(), changed(before, *folders)
    # Interrupted in the middle of a step.
    pathlib.Path("/tmp/useradd").write_bytes(kept)
    useradd.write_text('#!/bin/sh\ntouch /tmp/waits\nsleep 2\nexec /tmp/useradd "$@"\n')
    os.chmod("/tmp/useradd", 0o755)
    running = subprocess.Popen([PROGRAM, "install"], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: os.path.exists("/tmp/waits"), "a step that takes long")
    running.terminate()
    said = running.communicate(timeout=60)[0]
    assert running.returncode == 1 and "interrupted by SIGTERM" in said and "everything is as it was before" in said, said
    assert untouched() and as_it_was(), changed(before, *folders)
    useradd.write_bytes(kept)
    # A remedy whose program is not here.
    sh("mkdir -p /etc/runlevels/default; ln -s /etc/init.d/exim /etc/runlevels/default/exim")
    for name in ("rc-service", "rc-update"):
        while shutil.which(name):
            os.unlink(shutil.which(name))
    said = installer("install", "--replace", "--yes", good=False)
    assert "the program rc-service is not here" in said and "nothing has been changed" in said, said
    assert os.path.islink("/etc/runlevels/default/exim") and as_it_was()
    sh("rm -r /etc/runlevels/default/exim")
    # newaliases fails: nothing is started.
    installer("install", "--quiet")
    pathlib.Path("/etc/aliases").write_text("root: alice\n")
    sh("postconf -e 'alias_maps = hash:/etc/nowhere/aliases' 'alias_database = hash:/etc/nowhere/aliases'")
    said = installer("first-start", good=False)
    assert "/etc/nowhere/aliases" in said and not port_25(), said
    for words in (("migrate", "ssmtp"), ("migrate", "--back")):
        assert installer(*words, good=False, user="nobody").strip(), words
    # What only looks needs no rights.
    for words in (("check",), ("status",), ("doctor", "--offline"), ("install", "--dry-run")):
        installer(*words, good=None, user="nobody")


def labels_of_selinux():
    """USE=selinux with a real policy and its real tools: rules for what the policy does not know, and none twice; they go with the installation."""
    if not os.path.exists("/etc/selinux/config") or not shutil.which("semanage") or not shutil.which("matchpathcon"):
        skip("no SELinux policy: selinux-policy-default and policycoreutils-python-utils bring one")
    rules = lambda: sh("semanage fcontext -l -C")
    words = ("install", "--prefix", "/opt/mail", "--use", "selinux")
    plan = installer(*words, "--dry-run")
    assert "fcontext -a -f f -t postfix_master_exec_t /opt/mail/sbin/postfix" in plan and "restorecon -R /opt/mail/sbin/postfix" in plan, plan
    assert "/opt/mail" not in rules()
    installer(*words)
    assert "/opt/mail/sbin/postfix " in rules() and "/opt/mail/sbin/postdrop " in rules(), rules()
    for path, kind in (("/opt/mail/sbin/postfix", "master_exec"), ("/opt/mail/sbin/postdrop", "postdrop_exec"), ("/var/spool/postfix/segments/x", "spool")):
        assert f":postfix_{kind}_t:" in sh(f"matchpathcon {path}"), path
    assert json.loads(installer(*words, "--json"))["steps"] == []
    installer("uninstall", "--yes", "--quiet")
    assert "/opt/mail" not in rules(), rules()
    # The usual places are the policy's own to name.
    plan = installer("install", "--use", "selinux", "--dry-run")
    assert "semanage" not in plan and "restorecon -R /usr/sbin/postfix" in plan, plan


def a_full_disk():
    """What was written before the disk was full is taken back."""
    sh("mkdir -p /opt/small && mount -t tmpfs -o size=6m tmpfs /opt/small")
    before = tree("/opt", "/etc", "/usr/sbin", "/var/spool", "/var/lib")
    said = installer("install", "--prefix", "/opt/small", good=False)
    assert "No space left on device" in said, said
    after = tree("/opt", "/etc", "/usr/sbin", "/var/spool", "/var/lib")
    assert after == before, set(after) ^ set(before)
    sh("umount /opt/small")
    installer("install", "--quiet")


def a_bare_machine():
    """No hostname program, no service manager, names that cannot be changed: each step says what it could not do."""
    for name in ("hostname", "hostnamectl", "systemctl", "rc-service", "rc-update", "openrc", "init"):
        while shutil.which(name):
            os.unlink(shutil.which(name))
    for folder in ("/run/systemd", "/etc/runlevels", "/lib/systemd", "/etc/systemd"):
        shutil.rmtree(folder, ignore_errors=True)
    installer("install", "--quiet")
    sh("cp /etc/hosts /tmp/hosts && mount --bind /tmp/hosts /etc/hosts && mount -o remount,bind,ro /etc/hosts")
    before = tree("/etc")
    said = installer("configure", "--hostname", "mail.example.test", "--accept-unresolved", good=False)
    assert "/etc/hosts" in said and "nothing has been changed" in said and not changed(before, "/etc"), said
    said = installer("configure", "--myhostname", "mail.example.test", "--accept-unresolved")
    assert sh("postconf -h myhostname").strip() == "mail.example.test", said
    sh("postconf -e inet_protocols=ipv4 maillog_file=/var/log/maillog")
    said = installer("first-start", "--enable", good=None)
    wait_for(port_25, "port 25")
    assert "boot" in said or "enable" in said, said


TESTS = [databases_of_rpm, database_of_pacman, database_of_dpkg, database_of_apk, what_cannot_be_written_to,
         tools_that_are_not_there_or_fail, a_full_disk, a_bare_machine, a_whole_life, after_cargo_install, accounts_without_tools, others_are_in_the_way, read_only_etc_and_no_root, an_open_relay, c_postfix_is_replaced_and_given_back]

# By name only: what they need is installed for them.
OTHERS = [labels_of_selinux]


def outside(test):
    """Runs one test in a throw-away machine."""
    def run():
        done = subprocess.run([NAMESPACE, sys.executable, HERE, STAGE, "--inside", test.__name__], timeout=400)
        if done.returncode == 77:
            skip(test.__name__)
        assert done.returncode == 0, f"exit code {done.returncode}"
    run.__name__ = test.__name__
    return run


if __name__ == "__main__":
    STAGE = stage()
    PROGRAM = STAGE / "usr/sbin/postfix-installer"
    wanted = sys.argv[2:]
    if wanted[:1] == ["--inside"]:
        without_mail_systems()
        try:
            dict((test.__name__, test) for test in TESTS + OTHERS)[wanted[1]]()
        except Exception:
            print("\n".join(pathlib.Path("/var/log/maillog").read_text().splitlines()[-30:]) if os.path.exists("/var/log/maillog") else "no log")
            raise
    else:
        main(*(outside(test) for test in (TESTS + OTHERS if wanted else TESTS) if not wanted or test.__name__ in wanted))
