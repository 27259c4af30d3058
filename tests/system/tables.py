#!/usr/bin/env python3
"""Tables behind real servers: MariaDB, PostgreSQL, SQLite, OpenLDAP, memcached, Redis; MongoDB, tcp and socketmap behind stand-ins.

Each server runs on loopback with a directory of its own. For each: hits, misses, hostile keys, wrong settings, a thousand
look-ups at a time, an outage that ends by itself, and TLS where the server has it. STAGE must have been built with the features
`ldap ldap-bind memcached mongodb mysql postgres sqlite`; types that were left out are skipped by name, and CI takes that for a failure.
"""
import asyncio, collections, os, pathlib, pwd, re, shutil, smtplib, socket, socketserver, sqlite3, subprocess, sys, tempfile, threading
sys.path.insert(0, os.path.dirname(__file__))
from common import System, can_connect, end, free_port, main, skip, stage, wait_for

if os.geteuid() != 0:
    skip("the servers need users of their own")

PASSWORD = "s3cret-Word'\\\"x"
HOSTILE = ["' OR '1'='1", "'; DROP TABLE addresses; --", "\\' OR 1=1 -- ", '" OR ""="', "it's", "back\\slash\\", "%", "%@a.test", "_ser@a.test",
           "*", "*)(uid=*", "(|(mail=*))", "a)(|(mail=*", "\\2a", "cn=x,dc=y", "semi;colon#", "$tag$", "`x`", "\x1a", "tab\tkey", "--", "/*", "ключ@пример",
           "嘊'", "x" * 65536, "'" * 30000, "%s%d%u", "a\x7fb", "user@a.test extra"]


MONGODB_QUERY = 'query_filter = {"address": "%s"}\nresult_attribute = goto\n'


class Server:
    """A server with a directory of its own, owned by the user it runs as."""
    user = "nobody"

    def __init__(self, home):
        self.home = home / type(self).__name__.lower()
        self.home.mkdir()
        shutil.chown(self.home, self.user)
        self.port = free_port(4000)
        self.log = open(home / f"{type(self).__name__.lower()}.log", "ab")
        self.process = None
        self.prepare()
        self.start()

    def prepare(self):
        pass

    def start(self):
        user = pwd.getpwnam(self.user)
        self.process = subprocess.Popen([str(w) for w in self.command()], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=self.home,
                                        user=user.pw_uid, group=user.pw_gid, extra_groups=[])
        wait_for(self.is_up, type(self).__name__, seconds=90)

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{type(self).__name__} ended with {self.process.returncode}, see {self.log.name}")
        return can_connect(self.port)

    def stop(self):
        end(self.process)
        self.process.wait()

    def run(self, *words, **kw):
        user = pwd.getpwnam(self.user)
        return subprocess.run([str(w) for w in words], check=True, user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd=self.home,
                              stdout=kw.pop("stdout", self.log), stderr=self.log, **kw)


def sql_quote(text, backslash=False):
    text = text.replace("\\", "\\\\") if backslash else text
    return "'" + text.replace("'", "''") + "'"


def rows():
    """Keys and values that every server gets."""
    for i in range(1000):
        yield f"user{i}@a.test", f"box{i}@b.test"
    yield "many@a.test", "one@b.test"
    yield "many@a.test", "two@b.test"
    yield "it's", "apostrophe"


class MariaDB(Server):
    user = "mysql"

    def prepare(self):
        self.socket = self.home / "socket"
        self.run("mariadb-install-db", "--no-defaults", f"--datadir={self.home}/data", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
        certificates(self.home, self.user)

    def command(self):
        h = self.home
        return ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={h}/data", f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--pid-file={h}/pid", f"--ssl-cert={h}/server.pem", f"--ssl-key={h}/server.key", f"--ssl-ca={h}/ca.pem", "--max-connections=60"]

    def fill(self):
        text = ["CREATE DATABASE mail CHARACTER SET utf8mb4; USE mail; CREATE TABLE addresses (address VARCHAR(200) COLLATE utf8mb4_bin, goto TEXT, KEY (address));"]
        text += [f"INSERT INTO addresses VALUES ({sql_quote(k, True)},{sql_quote(v, True)});" for k, v in rows()]
        text += [f"CREATE USER reader@'%' IDENTIFIED BY {sql_quote(PASSWORD, True)}; GRANT SELECT, EXECUTE ON mail.* TO reader@'%'; FLUSH PRIVILEGES;",
                 "CREATE PROCEDURE find_address(IN a VARCHAR(200)) SELECT goto FROM addresses WHERE address = a;",
                 "CREATE PROCEDURE twice(IN a VARCHAR(200)) BEGIN SELECT 1; SELECT 2; END" "\n//"]
        script = "\n".join(text[:-1]) + "\nDELIMITER //\n" + text[-1] + "\n"
        self.run("mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", input=script.encode())


class PostgreSQL(Server):
    user = "postgres"

    def prepare(self):
        self.bin = max(pathlib.Path("/usr/lib/postgresql").iterdir(), key=lambda p: float(p.name)) / "bin"
        self.run(self.bin / "initdb", "-D", self.home / "data", "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--no-sync", "-U", "postgres")
        certificates(self.home, self.user)
        with open(self.home / "data/postgresql.conf", "a") as f:
            f.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{self.home}'\nfsync = off\nssl = on\n"
                    f"ssl_cert_file = '{self.home}/server.pem'\nssl_key_file = '{self.home}/server.key'\nmax_connections = 60\n")
        (self.home / "data/pg_hba.conf").write_text("local all all trust\nhostssl all secure 127.0.0.1/32 scram-sha-256\nhostnossl all secure all reject\n"
                                                   "host all all 127.0.0.1/32 scram-sha-256\n")

    def command(self):
        return [self.bin / "postgres", "-D", self.home / "data"]

    def is_up(self):
        return super().is_up() and subprocess.run([self.bin / "pg_isready", "-q", "-h", self.home, "-p", str(self.port)]).returncode == 0

    def fill(self):
        script = "CREATE DATABASE mail;\n\\c mail\nCREATE TABLE addresses (address TEXT, goto TEXT);\nCREATE INDEX ON addresses (address);\n"
        script += "".join(f"INSERT INTO addresses VALUES ({sql_quote(k)},{sql_quote(v)});\n" for k, v in rows())
        script += "CREATE FUNCTION find_address(TEXT) RETURNS SETOF TEXT AS 'SELECT goto FROM addresses WHERE address = $1' LANGUAGE SQL;\n"
        for name in ("reader", "secure"):
            script += f"CREATE USER {name} PASSWORD {sql_quote(PASSWORD)};\nGRANT SELECT ON addresses TO {name};\n"
        self.run(self.bin / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.home, "-p", self.port, "-U", "postgres", input=script.encode())

    def stop(self):
        # Without waiting for clients that hold connections.
        subprocess.run(["kill", "-INT", str(self.process.pid)], check=True)
        self.process.wait()


class Slapd(Server):
    user = "openldap"

    def prepare(self):
        self.tls_port = free_port(self.port + 1)
        certificates(self.home, self.user)
        (self.home / "db").mkdir()
        shutil.chown(self.home / "db", self.user)
        schema = "".join(f"include /etc/ldap/schema/{n}.schema\n" for n in ("core", "cosine", "inetorgperson"))
        (self.home / "slapd.conf").write_text(schema + f"""
pidfile {self.home}/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {self.home}/server.pem
TLSCertificateKeyFile {self.home}/server.key
TLSCACertificateFile {self.home}/ca.pem
sasl-secprops none
authz-regexp gidNumber=.*,cn=peercred,cn=external,cn=auth cn=root,dc=test
authz-regexp uid=([^,]*),cn=.*,cn=auth cn=$1,dc=test
password-hash {{CLEARTEXT}}
sizelimit 500
database mdb
suffix dc=test
directory {self.home}/db
rootdn cn=root,dc=test
rootpw "{PASSWORD.replace(chr(92), chr(92) * 2).replace('"', chr(92) + '"')}"
maxsize 100000000
index mail,uid eq
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree=ou=secret,dc=test by dn.exact=cn=root,dc=test read by dn.exact=cn=sasl,dc=test read by * none
access to * by * read
""")
        import base64
        entries = ["dn: dc=test\nobjectClass: domain\ndc: test"]
        entries += [f"dn: ou={n},dc=test\nobjectClass: organizationalUnit\nou: {n}" for n in ("people", "groups", "secret", "a.test")]

        def person(uid, mail, goto, where="ou=people", **more):
            lines = [f"dn: uid={uid},{where},dc=test", "objectClass: inetOrgPerson", "objectClass: uidObject" if False else "objectClass: extensibleObject",
                     f"uid: {uid}", f"cn: {uid}", "sn: x"]
            for name, values in dict(mail=[mail], description=goto, **more).items():
                lines += [f"{name}:: {base64.b64encode(v.encode()).decode()}" for v in values]
            entries.append("\n".join(lines))

        merged = collections.defaultdict(list)
        for k, v in rows():
            merged[k].append(v)
        for i, (k, v) in enumerate(merged.items()):
            person(f"p{i}", k, v)
        person("hidden", "hidden@a.test", ["secret@b.test"], "ou=secret")
        person("base", "base", ["based@b.test"], "ou=a.test")
        member = lambda cn, members, **more: entries.append("\n".join(
            [f"dn: cn={cn},ou=groups,dc=test", "objectClass: groupOfNames", "objectClass: extensibleObject", f"cn: {cn}", f"mail: {cn}@a.test"]
            + [f"member: {m}" for m in members] + [f"{n}: {v}" for n, v in more.items()]))
        member("group", ["uid=p1,ou=people,dc=test", "uid=p2,ou=people,dc=test", "cn=inner,ou=groups,dc=test", "uid=gone,ou=people,dc=test"], description="leaf@b.test")
        member("inner", ["uid=p3,ou=people,dc=test"])
        member("loop", ["cn=loop,ou=groups,dc=test"])
        member("stop", ["uid=p1,ou=people,dc=test"], info="terminal@b.test", description="not@b.test")
        member("url", ["cn=root"], labeledURI="ldap:///ou=people,dc=test??one?(|(uid=p4)(uid=p5))")
        entries.append(f"dn: cn=sasl,dc=test\nobjectClass: person\ncn: sasl\nsn: x\nuserPassword:: {base64.b64encode(PASSWORD.encode()).decode()}")
        (self.home / "data.ldif").write_text("\n\n".join(entries) + "\n")
        self.run("/usr/sbin/slapadd", "-q", "-f", self.home / "slapd.conf", "-l", self.home / "data.ldif")

    def command(self):
        self.ldapi = f"ldapi://{str(self.home / 'ldapi').replace('/', '%2f')}"
        return ["/usr/sbin/slapd", "-d", "0", "-f", self.home / "slapd.conf", "-h",
                f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port} {self.ldapi}"]

    def fill(self):
        pass


class Memcached(Server):
    def command(self):
        return ["/usr/bin/memcached", "-p", self.port, "-U", "0", "-l", "127.0.0.1", "-m", "64"]

    def fill(self):
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            f = s.makefile("rwb")
            merged = {}
            for k, v in rows():
                merged[k] = merged[k] + "," + v if k in merged else v
            for k, v in merged.items():
                f.write(f"set {k} 0 0 {len(v)}\r\n{v}\r\n".encode())
            f.write(b"set fat@a.test 0 0 20000\r\n" + b"x" * 20000 + b"\r\n")
            f.flush()
            for _ in range(len(merged) + 1):
                assert f.readline() == b"STORED\r\n"

    def get(self, key):
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            f = s.makefile("rwb")
            f.write(f"get {key}\r\n".encode())
            f.flush()
            return None if f.readline() == b"END\r\n" else f.readline().rstrip(b"\r\n").decode()


class Redis(Server):
    def prepare(self):
        certificates(self.home, self.user)
        self.tls_port = free_port(self.port + 1)
        quoted = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
        (self.home / "redis.conf").write_text(f'port {self.port}\nbind 127.0.0.1\nsave ""\nrequirepass "{quoted}"\nunixsocket {self.home}/socket\n'
                                              f"tls-port {self.tls_port}\ntls-cert-file {self.home}/server.pem\ntls-key-file {self.home}/server.key\n"
                                              f"tls-ca-cert-file {self.home}/ca.pem\ntls-auth-clients no\n")

    def command(self):
        return ["/usr/bin/redis-server", self.home / "redis.conf"]

    def fill(self):
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            f = s.makefile("rwb")
            commands = [["AUTH", PASSWORD], ["SELECT", "3"]] + [["RPUSH", f"alias:{k}", v] for k, v in rows()] + [["HSET", "h", k, v] for k, v in rows()]
            for words in commands:
                f.write(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w.encode())}\r\n{w}\r\n".encode() for w in words))
            f.flush()
            for words in commands:
                line = f.readline()
                assert not line.startswith(b"-"), (words, line)


class Script(Server):
    """tcp_table(5) and socketmap_table(5), answered by this program."""

    def __init__(self, home):
        self.values = {}
        for k, v in rows():
            self.values[k] = self.values[k] + "," + v if k in self.values else v
        super().__init__(home)

    def start(self):
        script = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                script.connections.append(self.connection)
                try:
                    script.talk(self.rfile, self.wfile)
                except (ConnectionError, ValueError):
                    pass

        class Threads(socketserver.ThreadingTCPServer):
            allow_reuse_address = daemon_threads = True
            request_queue_size = 100

        self.connections = []
        self.server = Threads(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def fill(self):
        pass


class Tcp(Script):
    def talk(self, source, sink):
        from urllib.parse import quote, unquote_to_bytes
        for line in source:
            verb, key = line.rstrip(b"\n").split(b" ", 1)
            key = unquote_to_bytes(key).decode()
            if key.startswith("late"):
                sink.write(b"400 later%20please\n")
            elif key.startswith("odd"):
                sink.write(b"what\n")
            elif key in self.values:
                sink.write(b"200 " + quote(self.values[key], safe="@,.").encode() + b"\n")
            else:
                sink.write(b"500 not%20found\n")


class Socketmap(Script):
    def talk(self, source, sink):
        while True:
            size = b""
            while not size.endswith(b":"):
                byte = source.read(1)
                if not byte:
                    return
                size += byte
            name, key = source.read(int(size[:-1])).decode().split(" ", 1)
            assert source.read(1) == b","
            if key.startswith("late"):
                reply = "TEMP try later"
            elif key.startswith("never"):
                reply = "PERM never"
            elif name == "addresses" and key in self.values:
                reply = "OK " + self.values[key]
            else:
                reply = "NOTFOUND "
            data = reply.encode()
            sink.write(b"%d:%s," % (len(data), data))


class Mongodb(Script):
    def __init__(self, home):
        from mongo import Peer
        merged = collections.defaultdict(list)
        for k, v in rows():
            merged[k].append(v)
        documents = [dict(address=k, goto=v, first=v[0], uid=4000 + i, big=2 ** 40 + i) for i, (k, v) in enumerate(merged.items())]
        # One key, several documents: more than one answer of the server.
        documents += [dict(address="several", first=f"box{i}") for i in range(7)]
        documents.append(dict(address="odd", first=1.5, goto=[["deep"], {"x": 1}, None], uid=b"bytes"))
        documents.append(dict(address="fat", goto=["x" * 100_000] * 90))
        self.peer = Peer(documents)
        super().__init__(home)

    def talk(self, source, sink):
        self.peer.talk(source, sink)


def certificates(folder, user):
    """An authority, and a server's certificate for localhost and 127.0.0.1."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "9", "-subj", "/CN=authority")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    (folder / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "server.pem", "-days", "9", "-extfile", "ext")
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "x.key", "-out", "stranger.pem", "-days", "9", "-subj", "/CN=stranger")
    for path in folder.iterdir():
        if path.is_file():
            shutil.chown(path, user)
            path.chmod(0o600 if path.suffix == ".key" else 0o644)


class Bench:
    """All servers, and tables that ask them."""

    def __init__(self):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="postfix-rs-tables-"))
        self.home.chmod(0o755)
        self.servers, self.tables = {}, {}
        self.sbin = stage() / "usr/sbin"
        self.etc = self.home / "etc"
        self.etc.mkdir()
        (self.etc / "main.cf").write_text("compatibility_level = 3.11\nmaillog_file = \n")

    def add(self, kind, server):
        self.servers[kind] = server(self.home)
        self.servers[kind].fill()

    def cf(self, name, text):
        path = self.etc / f"{name}.cf"
        path.write_text(text)
        path.chmod(0o640)
        shutil.chown(path, "root", "postfix")
        return path

    def postmap(self, spec, keys):
        """Answers in order; None for a miss, an exception with what was logged for a failure."""
        done = subprocess.run([self.sbin / "postmap", "-c", self.etc, "-q", "-", spec], input="".join(k + "\n" for k in keys), text=True, capture_output=True,
                              errors="surrogateescape", timeout=300)
        if done.returncode not in (0, 1) or "fatal:" in done.stderr:
            raise RuntimeError(done.stderr)
        self.said = done.stderr
        return done.stdout

    def ask(self, spec, key):
        done = subprocess.run([self.sbin / "postmap", "-c", self.etc, "-q", key, spec], text=True, capture_output=True, timeout=300)
        self.said = done.stderr
        return done.stdout.rstrip("\n") if done.returncode == 0 else None

    def refused(self, spec, key, words):
        assert self.ask(spec, key) is None and words in self.said, (spec, key, words, self.said)
        assert PASSWORD not in self.said and PASSWORD[:6] not in self.said, self.said

    def stop(self):
        for server in self.servers.values():
            server.stop()
        shutil.rmtree(self.home, ignore_errors=True)


def make_tables(bench):
    s = bench.servers
    login = f"user = reader\npassword = {PASSWORD}\nretry_interval = 1\n"
    query = "query = SELECT goto FROM addresses WHERE address = '%s'\n"
    bench.tables = {}
    if "mysql" in s:
        bench.mysql = f"hosts = 127.0.0.1:{s['mysql'].port}\n{login}dbname = mail\n"
        bench.tables["mysql"] = f"mysql:{bench.cf('mysql', bench.mysql + query)}"
    if "pgsql" in s:
        bench.pgsql = f"hosts = 127.0.0.1:{s['pgsql'].port}\n{login}dbname = mail\n"
        bench.tables["pgsql"] = f"pgsql:{bench.cf('pgsql', bench.pgsql + query)}"
    if "ldap" in s:
        bench.ldap = f"server_host = ldap://127.0.0.1:{s['ldap'].port}\nversion = 3\nsearch_base = dc=test\nquery_filter = (mail=%s)\nresult_attribute = description\n"
        bench.tables["ldap"] = f"ldap:{bench.cf('ldap', bench.ldap + 'bind = no' + chr(10))}"
    if "memcache" in s:
        bench.memcache = f"memcache = inet:127.0.0.1:{s['memcache'].port}\n"
        bench.tables["memcache"] = f"memcache:{bench.cf('memcache', bench.memcache)}"
    if "redis" in s:
        bench.redis = f"hosts = 127.0.0.1:{s['redis'].port}\npassword = {PASSWORD}\ndbname = 3\nretry_interval = 1\n"
        bench.tables["redis"] = f"redis:{bench.cf('redis', bench.redis + 'query = LRANGE alias:%s 0 -1' + chr(10))}"
    if "sqlite" in bench.types:
        path = bench.home / "mail.sqlite"
        with sqlite3.connect(path) as db:
            db.execute("CREATE TABLE addresses (address, goto)")
            db.execute("CREATE INDEX i ON addresses (address)")
            db.executemany("INSERT INTO addresses VALUES (?, ?)", rows())
        db.close()
        path.chmod(0o644)
        bench.sqlite = f"dbpath = {path}\n"
        bench.tables["sqlite"] = f"sqlite:{bench.cf('sqlite', bench.sqlite + query)}"
    if "mongodb" in s:
        bench.mongodb = f"uri = mongodb://127.0.0.1:{s['mongodb'].port}/?directConnection=true&serverSelectionTimeoutMS=2000\ndbname = mail\ncollection = addresses\n"
        bench.tables["mongodb"] = f"mongodb:{bench.cf('mongodb', bench.mongodb + MONGODB_QUERY)}"
    bench.tables["tcp"] = f"tcp:127.0.0.1:{s['tcp'].port}"
    bench.tables["socketmap"] = f"socketmap:inet:127.0.0.1:{s['socketmap'].port}:addresses"


def hits_and_misses(bench):
    for kind, spec in bench.tables.items():
        assert bench.ask(spec, "user7@a.test") == "box7@b.test", (kind, bench.said)
        assert bench.ask(spec, "nobody@a.test") is None and not bench.said, (kind, bench.said)
        assert bench.ask(spec, "it's") == "apostrophe", (kind, bench.said)
        many = bench.ask(spec, "many@a.test")
        assert many == "one@b.test,two@b.test", (kind, many)
        found = bench.postmap(spec, [f"user{i}@a.test" for i in range(1000)])
        assert found == "".join(f"user{i}@a.test\tbox{i}@b.test\n" for i in range(1000)), (kind, found[:300])
        print(f"  {kind}: hits and misses")


def hostile_keys(bench):
    """No key means anything but itself: only the one that is there is found."""
    for kind, spec in bench.tables.items():
        found = bench.postmap(spec, HOSTILE + ["user1@a.test"])
        assert found == "it's\tapostrophe\nuser1@a.test\tbox1@b.test\n", (kind, found[:500], bench.said)
        # Nothing was destroyed.
        assert bench.ask(spec, "user7@a.test") == "box7@b.test", kind
    like = "query = SELECT goto FROM addresses WHERE address LIKE '%s'\n"
    for kind in ("mysql", "pgsql"):
        if kind in bench.tables:
            spec = f"{kind}:{bench.cf(kind + '-like', getattr(bench, kind) + like)}"
            assert bench.postmap(spec, HOSTILE + ["user_@a.test", "user1@a.test"]) == "it's\tapostrophe\nuser1@a.test\tbox1@b.test\n", kind
    bare = "query = SELECT goto FROM addresses WHERE address = %s\n"
    for kind in ("mysql", "pgsql", "sqlite"):
        if kind in bench.tables:
            spec = f"{kind}:{bench.cf(kind + '-bare', getattr(bench, kind) + bare)}"
            assert bench.postmap(spec, [k for k in HOSTILE if k != "it's"] + ["address"]) == "", kind
    print("  hostile keys")


def templates(bench):
    parts = ("query = SELECT goto FROM addresses WHERE address = '%u@%d'\nresult_format = %u+%s+%d+%U+%S+%1+%2+%%\ndomain = a.test\n")
    for kind in ("mysql", "pgsql", "sqlite"):
        if kind not in bench.tables:
            continue
        spec = f"{kind}:{bench.cf(kind + '-parts', getattr(bench, kind) + parts)}"
        want = "box7+box7@b.test+b.test+user7+user7@a.test+test+a+%"
        assert bench.ask(spec, "user7@a.test") == want, (kind, bench.ask(spec, "user7@a.test"), bench.said)
        assert bench.ask(spec, "USER7@a.test") == want, kind
        assert bench.ask(spec, "it's") is None and bench.ask(spec, "user7@other.test") is None
        limited = getattr(bench, kind) + "query = SELECT goto FROM addresses WHERE address = '%s'\nexpansion_limit = 1\n"
        bench.refused(f"{kind}:{bench.cf(kind + '-limit', limited)}", "many@a.test", f"Expansion limit exceeded for key{'' if kind == 'sqlite' else ':'} 'many@a.test'")
        old = getattr(bench, kind) + "table = addresses\nselect_field = goto\nwhere_field = address\nadditional_conditions = AND goto <> 'one@b.test'\n"
        assert bench.ask(f"{kind}:{bench.cf(kind + '-old', old)}", "many@a.test") == "two@b.test", (kind, bench.said)
        table_domain = getattr(bench, kind) + "query = SELECT goto FROM addresses WHERE address = '%s'\ndomain = inline:{a.test=x}\n"
        assert bench.ask(f"{kind}:{bench.cf(kind + '-domain', table_domain)}", "user7@a.test") == "box7@b.test", (kind, bench.said)
        bad = getattr(bench, kind) + "query = SELECT nonsense FROM addresses WHERE address = '%s'\n"
        assert bench.ask(f"{kind}:{bench.cf(kind + '-bad', bad)}", "user7@a.test") is None and "nonsense" in bench.said, (kind, bench.said)
        print(f"  {kind}: templates")


def mysql_more(bench):
    server = bench.servers["mysql"]
    for name, query, want in [("call", "CALL find_address('%s')", "box7@b.test"), ("none", "SET @x = '%s'", None), ("twice", "CALL twice('%s')", None)]:
        spec = f"mysql:{bench.cf('mysql-' + name, bench.mysql + f'query = {query}' + chr(10))}"
        assert bench.ask(spec, "user7@a.test") == want, (name, bench.said)
        assert want or "query failed" in bench.said, bench.said
    spec = f"mysql:{bench.cf('mysql-set', bench.mysql + 'query = SET @x = ' + chr(39) + '%s' + chr(39) + chr(10) + 'require_result_set = no' + chr(10))}"
    assert bench.ask(spec, "x") is None and not bench.said, bench.said
    query = "query = SELECT goto FROM addresses WHERE address = '%s'\n"
    options = bench.cf("my", f"[client]\nuser = nobody\n[postfix]\nuser = reader\npassword = \"{PASSWORD.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}\"\n")
    options.write_text(options.read_text().replace('\\"', '\\"'))
    for name, text in {
        "socket": f"hosts = unix:{server.socket}\nuser = reader\npassword = {PASSWORD}\ndbname = mail\n",
        "failover": f"hosts = 127.0.0.1:{free_port(5900)}, unix:/no/such, 127.0.0.1:{server.port}\nuser = reader\npassword = {PASSWORD}\ndbname = mail\n",
    }.items():
        assert bench.ask(f"mysql:{bench.cf('mysql-' + name, text + query)}", "user7@a.test") == "box7@b.test", (name, bench.said)
    tls = f"hosts = localhost.:{server.port}\nuser = reader\npassword = {PASSWORD}\ndbname = mail\n".replace("localhost.", "127.0.0.1") + query
    version = tls.replace("SELECT goto FROM addresses WHERE address = '%s'", "SHOW SESSION STATUS WHERE Variable_name = 'Ssl_version' AND '%s' <> ''")
    found = bench.ask(f"mysql:{bench.cf('mysql-tls', version + f'tls_CAfile = {server.home}/ca.pem' + chr(10) + 'tls_verify_cert = yes' + chr(10))}", "x")
    assert found and "TLSv1" in found, (found, bench.said)
    bench.refused(f"mysql:{bench.cf('mysql-stranger', tls + f'tls_CAfile = {server.home}/stranger.pem' + chr(10) + 'tls_verify_cert = yes' + chr(10))}", "x", "connect to mysql server")
    assert bench.ask(f"mysql:{bench.cf('mysql-blind', tls + f'tls_CAfile = {server.home}/stranger.pem' + chr(10) + 'tls_verify_cert = no' + chr(10))}", "user7@a.test") == "box7@b.test", bench.said
    bench.refused(f"mysql:{bench.cf('mysql-login', bench.mysql.replace('reader', 'stranger') + query)}", "x", "Access denied for user 'stranger'")
    print("  mysql: procedures, sockets, failover, TLS")


def pgsql_more(bench):
    server = bench.servers["pgsql"]
    query = "query = SELECT goto FROM addresses WHERE address = '%s'\n"
    from urllib.parse import quote
    login = f"{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/mail"
    for name, text in {
        "function": bench.pgsql + "select_function = find_address\n",
        "escaped": bench.pgsql + "query = SELECT goto FROM addresses WHERE address = E'%s'\n",
        "socket": f"hosts = unix:{server.home}\nuser = reader\ndbname = port={server.port} dbname=mail\n" + query,
        "uri": f"hosts = postgresql://reader:{login}\n" + query,
        "require": f"hosts = postgresql://secure:{login}?sslmode=require\n" + query,
        "full": f"hosts = postgresql://secure:{login}?sslmode=verify-full&sslrootcert={server.home}/ca.pem\n" + query,
        "prefer": bench.pgsql.replace("reader", "secure") + query,
        "failover": bench.pgsql.replace("hosts = ", f"hosts = 127.0.0.1:{free_port(5900)} ") + query,
    }.items():
        assert bench.ask(f"pgsql:{bench.cf('pgsql-' + name, text)}", "user7@a.test") == "box7@b.test", (name, bench.said)
    for name, text, words in [
        ("disable", f"hosts = postgresql://secure:{login}?sslmode=disable\n" + query, "pg_hba.conf"),
        ("stranger", f"hosts = postgresql://secure:{login}?sslmode=verify-full&sslrootcert={server.home}/stranger.pem\n" + query, "connect to pgsql server"),
        ("login", bench.pgsql.replace("reader", "stranger") + query, 'password authentication failed for user "stranger"'),
        ("nodb", f"hosts = 127.0.0.1\n" + query, "host target '127.0.0.1' requires dbname setting"),
    ]:
        bench.refused(f"pgsql:{bench.cf('pgsql-' + name, text)}", "x", words)
    print("  pgsql: functions, connection strings, failover, TLS")


def ldap_more(bench):
    server = bench.servers["ldap"]
    group = "special_result_attribute = member, labeledURI\nleaf_result_attribute = description\nresult_attribute = nothing\nterminal_result_attribute = info\nbind = no\n"
    plain = bench.ldap.replace("result_attribute = description\n", "")
    spec = f"ldap:{bench.cf('ldap-group', plain + group)}"
    assert bench.ask(spec, "group@a.test") == "box1@b.test,box2@b.test,box3@b.test", bench.said
    assert "uid=gone,ou=people,dc=test not found, skipping" in bench.said
    assert bench.ask(spec, "stop@a.test") == "terminal@b.test", bench.said
    assert bench.ask(spec, "url@a.test") == "box4@b.test,box5@b.test", bench.said
    bench.refused(f"ldap:{bench.cf('ldap-loop', plain + group + 'recursion_limit = 5' + chr(10))}", "loop@a.test", "Recursion limit exceeded for special attribute member=")
    bench.refused(f"ldap:{bench.cf('ldap-limit', bench.ldap + 'bind = no' + chr(10) + 'expansion_limit = 1' + chr(10))}", "many@a.test", "Expansion limit exceeded for key: 'many@a.test'")
    dynamic = bench.ldap.replace("search_base = dc=test", "search_base = ou=%d,dc=test").replace("(mail=%s)", "(mail=%u)")
    spec = f"ldap:{bench.cf('ldap-base', dynamic + 'bind = no' + chr(10))}"
    assert bench.ask(spec, "base@a.test") == "based@b.test", bench.said
    assert bench.ask(spec, "base@other.test") is None and not bench.said, bench.said
    assert bench.ask(spec, "base@x,dc=y") is None, bench.said
    bind = f"bind_dn = cn=root,dc=test\nbind_pw = {PASSWORD}\n"
    for name, more in {
        "bind": "", "start_tls": f"start_tls = yes\ntls_require_cert = yes\ntls_ca_cert_file = {server.home}/ca.pem\n", "blind": "start_tls = yes\n",
        "failover": "",
    }.items():
        text = bench.ldap
        if name == "failover":
            text = text.replace("server_host = ", f"server_host = 127.0.0.1:{free_port(5900)} ")
        assert bench.ask(f"ldap:{bench.cf('ldap-' + name, text + bind + more)}", "hidden@a.test") == "secret@b.test", (name, bench.said)
    for name, host in {"ldaps": f"ldaps://127.0.0.1:{server.tls_port}", "ldapi": server.ldapi}.items():
        text = re.sub("server_host = .*", f"server_host = {host}", bench.ldap)
        assert bench.ask(f"ldap:{bench.cf('ldap-' + name, text + bind)}", "hidden@a.test") == "secret@b.test", (name, bench.said)
    bench.refused(f"ldap:{bench.cf('ldap-wrong', bench.ldap + bind.replace(PASSWORD, 'wrong'))}", "x", "with dn cn=root,dc=test: 49 (Invalid credentials)")
    stranger = f"start_tls = yes\ntls_require_cert = yes\ntls_ca_cert_file = {server.home}/stranger.pem\n"
    bench.refused(f"ldap:{bench.cf('ldap-stranger', bench.ldap + bind + stranger)}", "x", "Unable to set STARTTLS: -11: Connect error")
    bench.refused(f"ldap:{bench.cf('ldap-nobase', bench.ldap.replace('dc=test', 'dc=none') + 'bind = no' + chr(10))}", "x", "Search base 'dc=none' not found: 32: No such object")
    print("  ldap: groups, recursion, binds, TLS")


def ldap_sasl(bench):
    server = bench.servers["ldap"]
    text = re.sub("server_host = .*", f"server_host = {server.ldapi}", bench.ldap)
    assert bench.ask(f"ldap:{bench.cf('ldap-external', text + 'bind = sasl' + chr(10) + 'sasl_mechs = EXTERNAL' + chr(10))}", "hidden@a.test") == "secret@b.test", bench.said
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN"):
        more = f"bind = sasl\nsasl_mechs = {mechanism}\nbind_dn = sasl\nbind_pw = {PASSWORD}\n"
        assert bench.ask(f"ldap:{bench.cf('ldap-' + mechanism.lower(), bench.ldap + more)}", "hidden@a.test") == "secret@b.test", (mechanism, bench.said)
        bench.refused(f"ldap:{bench.cf('ldap-bad-' + mechanism.lower(), bench.ldap + more.replace(PASSWORD, 'wrong'))}", "x", "(Invalid credentials)")
    print("  ldap: SASL")


def memcache_more(bench):
    server = bench.servers["memcache"]
    backup = bench.cf("backup", "behind@a.test from-behind@b.test\nuser1@a.test not-asked@b.test\n")
    spec = f"memcache:{bench.cf('memcache-backup', bench.memcache + f'backup = texthash:{backup}' + chr(10))}"
    assert bench.ask(spec, "user1@a.test") == "box1@b.test", bench.said
    assert bench.ask(spec, "behind@a.test") == "from-behind@b.test", bench.said
    assert server.get("behind@a.test") == "from-behind@b.test"
    assert bench.ask(bench.tables["memcache"], "fat@a.test") is None and "unexpected memcache server reply" in bench.said, bench.said
    down = f"memcache:{bench.cf('memcache-down', f'memcache = inet:127.0.0.1:{free_port(5900)}' + chr(10) + f'backup = texthash:{backup}' + chr(10))}"
    assert bench.ask(down, "behind@a.test") == "from-behind@b.test", bench.said
    print("  memcache: backup")


def redis_more(bench):
    server = bench.servers["redis"]
    for name, text in {
        "hash": bench.redis + "query = HGET h %s\n",
        "socket": bench.redis.replace(f"127.0.0.1:{server.port}", f"unix:{server.home}/socket") + "query = HGET h %s\n",
        "tls": bench.redis.replace(str(server.port), str(server.tls_port)) + f"query = HGET h %s\ntls = yes\ntls_CAfile = {server.home}/ca.pem\n",
    }.items():
        assert bench.ask(f"redis:{bench.cf('redis-' + name, text)}", "user7@a.test") == "box7@b.test", (name, bench.said)
    bench.refused(f"redis:{bench.cf('redis-login', bench.redis.replace(PASSWORD, 'wrong') + 'query = HGET h %s' + chr(10))}", "x", "WRONGPASS")
    bench.refused(f"redis:{bench.cf('redis-bad', bench.redis + 'query = NONSENSE %s' + chr(10))}", "x", "unknown command")
    stranger = bench.redis.replace(str(server.port), str(server.tls_port)) + f"query = HGET h %s\ntls = yes\ntls_CAfile = {server.home}/stranger.pem\n"
    bench.refused(f"redis:{bench.cf('redis-stranger', stranger)}", "x", "connect to redis server")
    print("  redis: commands, TLS")


def mongodb_more(bench):
    server = bench.servers["mongodb"]
    spec = lambda name, text: f"mongodb:{bench.cf('mongodb-' + name, bench.mongodb + text)}"
    query = 'query_filter = {"address": "%s"}\n'
    assert all(list(f) == ["address"] for f in server.peer.filters), "a key changed the form of the filter"
    for name, text, key, want in [
        ("first", query + "result_attribute = first\n", "several", ",".join(f"box{i}" for i in range(7))),
        ("several", query + "result_attribute = first, uid big\n", "user7@a.test", f"box7@b.test,4007,{2 ** 40 + 7}"),
        ("projection", query + 'projection = {"uid": 1}\nresult_format = id=%s/%S\n', "user7@a.test", "id=4007/user7@a.test"),
        ("or", 'query_filter = {"$or": [{"address": "%s"}, {"address": "user8@%d"}]}\nresult_attribute = goto\n', "user7@a.test", "box7@b.test,box8@b.test"),
        ("user", 'query_filter = {"address": "%u@a.test"}\nresult_attribute = goto\ndomain = b.test\n', "user7@b.test", "box7@b.test"),
        ("domain", query + "result_attribute = goto\ndomain = b.test\n", "user7@a.test", None),
        ("odd", query + "result_attribute = goto, first, uid\n", "odd", "deep"),
    ]:
        assert bench.ask(spec(name, text), key) == want, (name, bench.said)
    assert "failed to retrieve value of '1', Unknown result type 3." in bench.said, bench.said
    bench.refused(spec("limit", query + "result_attribute = first\nexpansion_limit = 6\n"), "several", "expansion limit exceeded for key: 'several'")
    bench.refused(spec("fat", query + "result_attribute = goto\nexpansion_limit = 0\nresult_format = %s%s%s\n"), "fat", "result is too large for key: 'fat'")
    bench.refused(spec("refused", 'query_filter = {"bad": "%s"}\nresult_attribute = goto\n'), "x", "cursor error for '{\"bad\": \"x\"}': ")
    for name, text, words in [
        ("json", 'query_filter = {"address": "%s"\nresult_attribute = goto\n', "line 4: failed to create a query from"),
        ("both", query + 'projection = {"goto": 1}\nresult_attribute = goto\n', "specify exactly one of 'projection' or 'result_attribute'"),
        ("none", query, "specify exactly one of 'projection' or 'result_attribute'"),
        ("uri", "uri = mongodb://reader:%s@\n" % PASSWORD.replace("'\\\"", "") + query + "result_attribute = goto\n", "failed to parse URI"),
        ("login", f"uri = mongodb://reader:s3cret-Word@127.0.0.1:{server.port}/?directConnection=true&authMechanism=PLAIN\n" + query + "result_attribute = goto\n", "cursor error for"),
    ]:
        path = bench.cf(f"mongodb-{name}", (bench.mongodb if "uri" not in text else "dbname = mail\ncollection = addresses\n") + text)
        bench.refused(f"mongodb:{path}", "x", words)
    print("  mongodb: fields, limits, wrong settings")


def secrets_stay_secret(bench):
    """However much is logged, and whatever goes wrong."""
    word = PASSWORD[:6]
    for kind in bench.tables:
        spec = bench.tables[kind]
        path = pathlib.Path(spec.split(":", 1)[1])
        texts = {"as it is": path.read_text() if path.exists() else ""}
        if word in texts["as it is"]:
            texts["twice"] = texts["as it is"] + f"password = {PASSWORD}\n"
            texts["no such name"] = texts["as it is"] + f"pasword = {PASSWORD}\n"
            texts["no equals sign"] = texts["as it is"] + f"password {PASSWORD}\n"
        for name, text in texts.items():
            spec = f"{kind}:{bench.cf('secret', text)}" if text else spec
            done = subprocess.run([bench.sbin / "postmap", "-v", "-v", "-c", bench.etc, "-q", "user1@a.test", spec], text=True, capture_output=True, timeout=100)
            assert word not in done.stderr, (kind, name, done.stderr)
    print("  secrets stay secret")


def wrong_settings(bench):
    for kind, line, words in [
        ("mysql", "retry_interval = soon", "line 1: bad numerical configuration: retry_interval = soon"), ("mysql", "hosts", "line 1: missing '=' after attribute name"),
        ("mysql", "require_result_set = maybe", "line 1: bad boolean configuration"), ("pgsql", "expansion_limit = -1", "line 1: invalid expansion_limit parameter value -1 < 0"),
        ("sqlite", "query = SELECT '%z'", "Invalid query template"), ("ldap", "bind = perhaps", "line 1: unsupported parameter value: bind = perhaps"),
        ("memcache", "memcache = somewhere", "need service transport:endpoint"), ("redis", "hosts = a:b:c", "line 1: "),
    ]:
        if kind in bench.tables:
            path = bench.cf("wrong", f"{line}\ndbname = d\ndbpath = x\nquery = x '%s'\npassword = {PASSWORD}\n".replace(f"{line}\n", f"{line}\n", 1) if "query" not in line
                            else f"{line}\ndbpath = x\n")
            bench.refused(f"{kind}:{path}", "x", words)
            assert str(path) in bench.said or kind == "memcache", bench.said
    for kind in bench.tables:
        if kind not in ("tcp", "socketmap"):
            bench.refused(f"{kind}:/no/such.cf", "x", "open /no/such.cf: No such file or directory")
    if "mysql" in bench.tables:
        path = bench.cf("slip", bench.mysql.replace("hosts", "hots") + "query = SELECT 1\n")
        bench.ask(f"mysql:{path}", "x")
        assert f"{path}, line 1: unknown mysql table parameter: hots" in bench.said, bench.said
    bench.refused("tcp:localhost:none-such", "x", "unknown service: none-such/tcp")
    bench.refused("socketmap:x", "x", "socketmap requires server:socketmap argument")
    assert bench.ask(bench.tables["socketmap"], "never") is None and "socketmap server permanent error: never" in bench.said, bench.said
    assert bench.ask(bench.tables["tcp"], "odd") is None and "malformed reply: what" in bench.said, bench.said
    print("  wrong settings")


ASKED = r"table lookup problem|lookup error"


class Mail:
    """smtpd with a port for each table, which says what happens to a recipient."""

    def __init__(self, bench):
        self.bench = bench
        self.ports = {}
        lines = []
        start = 6200
        for kind, spec in bench.tables.items():
            self.ports[kind] = start = free_port(start + 1)
            lines.append(f"127.0.0.1:{start} inet n - n - 1200 smtpd -o smtpd_relay_restrictions=permit\n"
                         f"  -o {{smtpd_recipient_restrictions=check_recipient_access pipemap:{{{spec},regexp:{{{{/box/ OK}}}}}}, reject}}\n")
        self.system = System({"default_process_limit": "1200", "smtpd_client_connection_count_limit": "0", "smtpd_peername_lookup": "no", "smtpd_client_connection_rate_limit": "0",
                              "smtpd_hard_error_limit": "1000", "smtpd_soft_error_limit": "1000", "smtpd_error_sleep_time": "0", "notify_classes": ""}, "".join(lines))

    def reply(self, kind, recipient):
        with smtplib.SMTP("127.0.0.1", self.ports[kind], timeout=100) as client:
            client.ehlo("x.test")
            client.mail("me@x.test")
            code, text = client.rcpt(recipient)
            return code, text.decode()

    def thousand(self, kind):
        async def one(i):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[kind])
            codes = []
            for command in (None, "EHLO x.test", "MAIL FROM:<me@x.test>"):
                if command:
                    writer.write(command.encode() + b"\r\n")
                while (line := await reader.readline())[3:4] == b"-":
                    pass
                assert line[:1] == b"2", line
            await barrier.wait()
            writer.write(f"RCPT TO:<user{i}@a.test>\r\n".encode())
            line = await reader.readline()
            writer.write(b"QUIT\r\n")
            await reader.readline()
            writer.close()
            return line[:3]

        async def all_of_them():
            nonlocal barrier
            barrier = asyncio.Barrier(1000) if hasattr(asyncio, "Barrier") else Gate(1000)
            return await asyncio.gather(*(one(i) for i in range(1000)))

        barrier = None
        codes = collections.Counter(asyncio.run(asyncio.wait_for(all_of_them(), 240)))
        assert codes == {b"250": 1000}, (kind, codes)


class Gate:
    def __init__(self, count):
        self.count, self.event = count, asyncio.Event()

    async def wait(self):
        self.count -= 1
        if self.count == 0:
            self.event.set()
        await self.event.wait()


def in_a_mail_system(bench):
    mail = Mail(bench)
    with mail.system:
        for kind in bench.tables:
            assert mail.reply(kind, "user7@a.test")[0] == 250, kind
            assert mail.reply(kind, "nobody@a.test")[0] == 554, kind
            mail.thousand(kind)
            print(f"  {kind}: a thousand look-ups at a time")
        for kind, server in bench.servers.items():
            if kind not in bench.tables:
                continue
            before = len(mail.system.log())
            server.stop()
            code, text = mail.reply(kind, "user8@a.test")
            assert code == 451, (kind, code, text)
            # A tcp table is asked ten times, a second apart, before it is given up.
            for i in range({"mongodb": 5, "tcp": 2}.get(kind, 20)):
                assert mail.reply(kind, f"user{i}@a.test")[0] == 451, kind
            said = mail.system.log()[before:]
            assert PASSWORD[:6] not in said, said
            server.start()
            if kind in ("memcache", "redis"):
                server.fill()
            wait_for(lambda: mail.reply(kind, "user9@a.test")[0] == 250, f"{kind} to come back", mail.system)
            warnings = [line for line in said.splitlines() if "warning: " in line]
            # One for the outage; the others are those of the sessions, which name the key or the table that was asked.
            about = [line for line in warnings if not re.search(ASKED, line)]
            assert len(about) == 1, (kind, about)
            print(f"  {kind}: an outage, one warning about it: {about[0].split('warning: ', 1)[1][:90]}")


def everything():
    bench = Bench()
    left_out = subprocess.run([bench.sbin / "postconf", "-m"], stdout=subprocess.PIPE, text=True, env=dict(os.environ, MAIL_CONFIG=str(bench.etc))).stdout.split()
    bench.types = set(left_out)
    wanted = {"mysql": (MariaDB, "/usr/sbin/mariadbd"), "pgsql": (PostgreSQL, "/usr/lib/postgresql"), "ldap": (Slapd, "/usr/sbin/slapd"),
              "memcache": (Memcached, "/usr/bin/memcached"), "redis": (Redis, "/usr/bin/redis-server"), "sqlite": (None, "/"),
              "mongodb": (None, "/")}
    missing = [kind for kind, (_, path) in wanted.items() if kind not in bench.types or not os.path.exists(path)]
    if missing and not os.environ.get("TABLES_SOME"):
        skip(f"not built in, or no server: {', '.join(missing)}")
    try:
        for kind, (server, _) in wanted.items():
            if server and kind not in missing:
                bench.add(kind, server)
        if "mongodb" in bench.types:
            bench.add("mongodb", Mongodb)
        bench.add("tcp", Tcp)
        bench.add("socketmap", Socketmap)
        make_tables(bench)
        hits_and_misses(bench)
        hostile_keys(bench)
        templates(bench)
        wrong_settings(bench)
        secrets_stay_secret(bench)
        for kind, more in [("mysql", mysql_more), ("pgsql", pgsql_more), ("ldap", ldap_more), ("ldap", ldap_sasl), ("memcache", memcache_more), ("redis", redis_more),
                           ("mongodb", mongodb_more)]:
            if kind in bench.tables:
                more(bench)
        in_a_mail_system(bench)
    except BaseException:
        print(f"logs of the servers: {bench.home}")
        for server in bench.servers.values():
            server.stop()
        raise
    bench.stop()


if __name__ == "__main__":
    main(everything)
