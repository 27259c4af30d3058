"""Helpers for the scenarios about tables behind servers: real servers on the machine of the scenario, with the same data."""
import os, pathlib, pwd, re, socket, socketserver, sqlite3, subprocess, threading, time

#: Keys and values that all of them have.
ROWS = [("alice@v.test", "alice@example.test"), ("many@v.test", "bob@example.test"), ("many@v.test", "carol@example.test"), ("it's@v.test", "dave"),
        ("@catch.test", "alice"), ("empty@v.test", ""), ("back\\slash", "x"), ("v.test", "domain"), ("plain", "no-domain")]
PASSWORD = "pass word"
#: Without the reason that postmap(1) has from whatever system call came last, and what is said at each attempt.
PLAIN = "2>&1 | sed -e 's/query error: .*/query error/' -e 's/ (Operation now in progress)//' | uniq"


def wait(condition, what, seconds=60):
    end = time.time() + seconds
    while not condition():
        if time.time() > end: raise TimeoutError(what)
        time.sleep(0.05)


def answers(port):
    try: socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError: return False
    return True


class Daemon:
    def __init__(self, user, home, command):
        self.user, self.command, self.home = user, [str(w) for w in command], home
        self.start()

    def start(self):
        u = pwd.getpwnam(self.user)
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.home, user=u.pw_uid, group=u.pw_gid, extra_groups=[])

    def stop(self):
        # PostgreSQL waits for its clients if it is asked otherwise.
        signal = 2 if self.user == "postgres" else 15
        self.process.send_signal(signal)
        self.process.wait()


def folder(user, name):
    home = pathlib.Path("/srv") / name
    home.mkdir(parents=True); u = pwd.getpwnam(user); os.chown(home, u.pw_uid, u.pw_gid)
    return home, lambda *words, **kw: subprocess.run([str(w) for w in words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home, user=u.pw_uid, group=u.pw_gid, extra_groups=[], **kw)


def quote(text, backslash=False):
    return "'" + (text.replace("\\", "\\\\") if backslash else text).replace("'", "''") + "'"


def mysql():
    """MariaDB on 127.0.0.1:3306 and /srv/mysql/socket; user reader."""
    home, run = folder("mysql", "mysql")
    run("mariadb-install-db", "--no-defaults", f"--datadir={home}/data", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
    server = Daemon("mysql", home, ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={home}/data", f"--socket={home}/socket", "--bind-address=127.0.0.1", f"--pid-file={home}/pid", "--innodb-flush-method=fsync", "--innodb-buffer-pool-size=8M"])
    wait(lambda: answers(3306), "MariaDB")
    rows = "".join(f"INSERT INTO addresses VALUES ({quote(k, True)},{quote(v, True)});" for k, v in ROWS)
    run("mariadb", "--no-defaults", f"--socket={home}/socket", "-uroot", input=f"CREATE DATABASE mail CHARACTER SET utf8mb4; USE mail; CREATE TABLE addresses (address VARCHAR(200) COLLATE utf8mb4_bin, goto TEXT);{rows}"
        f"CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT, EXECUTE ON mail.* TO reader@'%'; CREATE PROCEDURE find_address(IN a VARCHAR(200)) SELECT goto FROM addresses WHERE address = a; FLUSH PRIVILEGES;\n".encode())
    return server


def pgsql():
    """PostgreSQL on 127.0.0.1:5432; user reader."""
    home, run = folder("postgres", "postgres")
    programs = max(pathlib.Path("/usr/lib/postgresql").iterdir(), key=lambda p: float(p.name)) / "bin"
    run(programs / "initdb", "-D", home / "data", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "-U", "postgres")
    server = Daemon("postgres", home, [programs / "postgres", "-D", home / "data", "-k", home, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=4MB", "-c", "dynamic_shared_memory_type=mmap"])
    wait(lambda: subprocess.run([programs / "pg_isready", "-q", "-h", home]).returncode == 0, "PostgreSQL")
    rows = "".join(f"INSERT INTO addresses VALUES ({quote(k)},{quote(v)});\n" for k, v in ROWS)
    run(programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", home, "-U", "postgres", input=f"CREATE DATABASE mail;\n\\c mail\nCREATE TABLE addresses (address TEXT, goto TEXT);\n{rows}"
        f"CREATE FUNCTION find_address(TEXT) RETURNS SETOF TEXT AS 'SELECT goto FROM addresses WHERE address = $1' LANGUAGE SQL;\nCREATE USER reader PASSWORD '{PASSWORD}';\nGRANT SELECT ON addresses TO reader;\n".encode())
    return server


def sqlite():
    """The file /srv/mail.sqlite."""
    with sqlite3.connect("/srv/mail.sqlite") as db:
        db.execute("CREATE TABLE addresses (address, goto)"); db.executemany("INSERT INTO addresses VALUES (?, ?)", ROWS)
    db.close()


def ldap(entries=""):
    """slapd on port 389 with dc=test, people and groups."""
    home, run = folder("openldap", "ldap")
    (home / "db").mkdir(); os.chown(home / "db", home.stat().st_uid, home.stat().st_gid)
    schema = "".join(f"include /etc/ldap/schema/{n}.schema\n" for n in ("core", "cosine", "inetorgperson"))
    (home / "slapd.conf").write_text(f"{schema}modulepath /usr/lib/ldap\nmoduleload back_mdb\nsizelimit 3\ndatabase mdb\nsuffix dc=test\ndirectory {home}/db\nrootdn cn=root,dc=test\nrootpw {PASSWORD!r}\n"
                                     "access to attrs=userPassword by anonymous auth by * none\naccess to dn.subtree=ou=secret,dc=test by dn.exact=cn=root,dc=test read by * none\naccess to * by * read\n".replace("'", '"'))
    text = "dn: dc=test\nobjectClass: domain\ndc: test\n\n" + "".join(f"dn: ou={n},dc=test\nobjectClass: organizationalUnit\nou: {n}\n\n" for n in ("people", "groups", "secret"))
    merged = {}
    for k, v in ROWS: merged.setdefault(k, []).append(v)
    for i, (k, vs) in enumerate(merged.items()):
        text += f"dn: uid=p{i},ou=people,dc=test\nobjectClass: inetOrgPerson\nobjectClass: extensibleObject\nuid: p{i}\ncn: p\nsn: p\nmail: {k}\n" + "".join(f"description: {v}\n" for v in vs if v) + "\n"
    (home / "data.ldif").write_text(text + entries)
    run("/usr/sbin/slapadd", "-q", "-f", home / "slapd.conf", "-l", home / "data.ldif")
    server = Daemon("root", home, ["/usr/sbin/slapd", "-d", "0", "-u", "openldap", "-g", "openldap", "-f", home / "slapd.conf", "-h", "ldap://127.0.0.1:389"])
    wait(lambda: answers(389), "slapd")
    return server


def memcached():
    """memcached on 127.0.0.1:11211."""
    server = Daemon("nobody", "/", ["/usr/bin/memcached", "-U", "0", "-l", "127.0.0.1"])
    wait(lambda: answers(11211), "memcached")
    with socket.create_connection(("127.0.0.1", 11211)) as s:
        f = s.makefile("rwb")
        for k, v in [*ROWS[:2], ("fat", "x" * 20000), ("p-alice@v.test", "prefixed")]:
            f.write(f"set {k} 0 0 {len(v)}\r\n{v}\r\n".encode()); f.flush(); f.readline()
    return server


def script(port, talk):
    """A server that is a function of a stream to read and one to write."""
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            try: talk(self.rfile, self.wfile)
            except (ConnectionError, ValueError): pass

    class Threads(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True
    server = Threads(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


def ask(t, kind, name, text, *keys):
    """What postmap(1) says about each key, with the settings TEXT."""
    t.title(name); t.file(f"/w/{name}.cf", text)
    for key in keys: t.sh(f"postmap -q \"{key}\" {kind}:/w/{name}.cf {PLAIN}")


def mail(t, kind, server, text, away=True):
    """The table in smtpd and in cleanup; then the server goes, and comes back."""
    t.file("/w/mail.cf", text); os.chmod("/w", 0o755)
    table = f"{kind}:/w/mail.cf"
    t.main(virtual_alias_domains="v.test catch.test", virtual_alias_maps=table, smtpd_recipient_restrictions=f"check_sender_access pipemap:{{{{{table},inline:{{{{dave=REJECT no dave here}}}}}}}}, permit".replace("{{", "{").replace("}}", "}"),
           smtpd_relay_restrictions="permit_mynetworks, reject_unauth_destination")
    t.start(); t.title("mail")
    s = t.smtp(); s.cmd("EHLO client.example.org")
    for sender in ("it's@v.test", "s@example.test"):
        s.cmd(f"MAIL FROM:<{sender}>")
        for to in ("alice@v.test", "many@v.test", "none@v.test", "x@catch.test", "x@other.test"): s.cmd(f"RCPT TO:<{to}>")
        if sender.startswith("s"): s.cmd("DATA"); s.data("Subject: x\n\nx\n")
        else: s.cmd("RSET")
    s.cmd("QUIT"); s.close(); t.drain()
    t.log(r"to=<", sort=True)
    if away:
        t.title("the server is away"); server.stop(); t.logs.clear(); t.sh("postfix reload", quiet=True); time.sleep(1)
        s = t.smtp(); s.cmd("EHLO client.example.org"); s.cmd("MAIL FROM:<s@example.test>"); s.cmd("RCPT TO:<alice@v.test>"); s.cmd("QUIT"); s.close()
