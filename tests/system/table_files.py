#!/usr/bin/env python3
"""Table files that Postfix and we make: hash, btree, lmdb, cdb, in both directions, with Debian's postmap on the other side.

REFERENCE (default /tmp/reference) is a folder with Debian's Postfix and its packages for lmdb and cdb unpacked (.ci/packages). With
the feature `berkdb`, hash and btree files that we write are Berkeley DB files too; without it, those that Postfix wrote are read.
"""
import fcntl, os, pathlib, shutil, smtplib, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.dirname(__file__))
from common import System, main, skip, stage, wait_for

REFERENCE = pathlib.Path(os.environ.get("REFERENCE", "/tmp/reference"))
SUFFIX = {"hash": "db", "btree": "db", "lmdb": "lmdb", "cdb": "cdb"}

if not (REFERENCE / "usr/lib/postfix/postfix-lmdb.so").exists():
    skip(f"no Postfix with table packages in {REFERENCE}")
HOME = pathlib.Path(tempfile.mkdtemp(prefix="table-files-"))
os.chmod(HOME, 0o755)
SBIN = stage() / "usr/sbin"
FEATURES = subprocess.run([SBIN / "postfix", "features"], stdout=subprocess.PIPE, text=True).stdout.split()
BERKELEY = "berkdb" in FEATURES


def configure():
    for name in ("ours", "theirs", "work"):
        (HOME / name).mkdir()
    common = "compatibility_level = 3.6\ndefault_database_type = hash\nalias_database = hash:aliases\n"
    # The map grows as needed, so a small one is no limit.
    (HOME / "ours/main.cf").write_text(common + "lmdb_map_size = 65536\n")
    lib = REFERENCE / "usr/lib/postfix"
    (HOME / "theirs/main.cf").write_text(f"{common}shlib_directory = {lib}\nmeta_directory = {HOME}/theirs\ndaemon_directory = {lib}/sbin\n")
    (HOME / "theirs/dynamicmaps.cf").write_text("".join(f"{k} postfix-{k}.so dict_{k}_open mkmap_{k}_open\n" for k in ("lmdb", "cdb")))


def run(side, *words, stdin=None, code=0, folder=None):
    """A command of ours or theirs; its output."""
    environment = dict(os.environ, MAIL_CONFIG=str(HOME / side))
    program = SBIN / words[0]
    if side == "theirs":
        environment["LD_LIBRARY_PATH"] = f"{REFERENCE}/usr/lib/postfix:{REFERENCE}/usr/lib/x86_64-linux-gnu"
        program = REFERENCE / "usr/sbin" / words[0]
    done = subprocess.run([str(program), *map(str, words[1:])], env=environment, input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd=folder or HOME / "work", errors="replace", timeout=100)
    assert done.returncode == code, f"{side} {words}: {done.returncode}\n{done.stdout}"
    return done.stdout


def source(path):
    lines = [f"User{i}@example.test  box{i} x" for i in range(2000)]
    lines += [f"long {'y' * 9000}", f"{'k' * 300}  long key", "same 1", "SAME 2", "ключ значение"]
    path.write_text("\n".join(lines) + "\n")


def both_directions():
    source(HOME / "work/t")
    for kind, suffix in SUFFIX.items():
        native = suffix == "db" and not BERKELEY
        sides = {}
        for maker in ("theirs", "ours"):
            (HOME / f"work/t.{suffix}").unlink(missing_ok=True)
            said = run(maker, "postmap", f"{kind}:t")
            assert 'duplicate entry: "same"' in said, (kind, maker, said)
            for reader in ("theirs", "ours"):
                if native and (maker, reader) == ("ours", "theirs"):
                    continue
                ask = lambda key, code=0: run(reader, "postmap", "-q", key, f"{kind}:t", code=code).rstrip("\n")
                assert ask("user7@EXAMPLE.test") == "box7 x" and ask("same") == "1" and ask("ключ") == "значение", (kind, maker, reader)
                assert ask("k" * 300) == "long key" and len(ask("long")) == 9000 and ask("nobody", 1) == "", (kind, maker, reader)
                keys = "".join(f"user{i}@example.test\n" for i in range(0, 2000, 7))
                got = run(reader, "postmap", "-q", "-", f"{kind}:t", stdin=keys + "nobody\n")
                assert got.splitlines() == [f"user{i}@example.test\tbox{i} x" for i in range(0, 2000, 7)], (kind, maker, reader)
                if kind != "cdb":
                    sides[maker, reader] = run(reader, "postmap", "-s", f"{kind}:t")
        # Also the order is the same, whoever wrote and whoever reads.
        assert kind == "cdb" or native or len(set(sides.values())) == 1, (kind, {k: len(v) for k, v in sides.items()})
        print(f"  {kind}: made by each, read by each")


def changes():
    for kind in ("hash", "btree", "lmdb"):
        suffix = SUFFIX[kind]
        native = suffix == "db" and not BERKELEY
        (HOME / f"work/t.{suffix}").unlink(missing_ok=True)
        run("theirs", "postmap", f"{kind}:t")
        before = os.stat(HOME / f"work/t.{suffix}").st_ino
        for i, side in enumerate(("ours", "theirs") * 3):
            other = "ours" if native or side == "theirs" else "theirs"
            if native and side == "theirs":
                continue
            said = run(side, "postmap", "-i", f"{kind}:t", stdin=f"add{i} value\nuser7@example.test never\n")
            assert "duplicate entry" in said, said
            run(side, "postmap", "-ir", f"{kind}:t", stdin=f"user8@example.test by {side}\n")
            assert run(other, "postmap", "-q", f"add{i}", f"{kind}:t") == "value\n"
            assert run(other, "postmap", "-q", "user7@example.test", f"{kind}:t") == "box7 x\n"
            assert run(other, "postmap", "-q", "user8@example.test", f"{kind}:t") == f"by {side}\n"
            assert run(side, "postmap", "-d", "-", f"{kind}:t", stdin=f"add{i}\nuser{100 + i}@example.test\n") == ""
            run(side, "postmap", "-d", f"add{i}", f"{kind}:t", code=1)
            run(other, "postmap", "-q", f"user{100 + i}@example.test", f"{kind}:t", code=1)
        if suffix == "db" and BERKELEY:
            assert os.stat(HOME / "work/t.db").st_ino == before, "a Berkeley DB file is changed in place, under its lock"
        print(f"  {kind}: changed by each in turn")


def locks():
    """Who changes a Berkeley DB file waits for whoever else does, as Postfix's postmap(1)."""
    if not BERKELEY:
        return
    (HOME / "work/t.db").unlink(missing_ok=True)
    run("theirs", "postmap", "hash:t")
    environment = dict(os.environ, MAIL_CONFIG=str(HOME / "ours"))
    with open(HOME / "work/t.db", "r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = subprocess.Popen([SBIN / "postmap", "-i", "hash:t"], env=environment, stdin=subprocess.PIPE, cwd=HOME / "work", text=True)
        waiting.stdin.write("late value\n")
        waiting.stdin.close()
        time.sleep(0.5)
        assert waiting.poll() is None, "it did not wait for the lock"
        size = os.stat(HOME / "work/t.db").st_size
        assert size == os.fstat(held.fileno()).st_size
    assert waiting.wait(60) == 0
    assert run("theirs", "postmap", "-q", "late", "hash:t") == "value\n"
    print("  locks: waited for")


def no_db_config():
    """CVE-2017-10140: a file DB_CONFIG in the current folder is not looked at."""
    folder = HOME / "trap"
    folder.mkdir()
    (folder / "DB_CONFIG").write_text("nonsense that the library refuses\n")
    (folder / "t").write_text("a b\n")
    for kind in ("hash", "btree"):
        run("ours", "postmap", f"{kind}:t", folder=folder)
        run("ours", "postmap", "-i", f"{kind}:t", stdin="c d\n", folder=folder)
        run("ours", "postmap", "-d", "a", f"{kind}:t", folder=folder)
        assert run("ours", "postmap", "-q", "c", f"{kind}:t", folder=folder) == "d\n"
    assert sorted(p.name for p in folder.iterdir()) == ["DB_CONFIG", "t", "t.db"]
    print("  DB_CONFIG in the current folder: ignored")


def odd_files():
    """Files that are no tables: what is said, and that the text beside one is used."""
    work = HOME / "odd"
    work.mkdir()
    (work / "x").write_text("a from the text\n")
    (work / "x.db").write_bytes(b"nonsense" * 100)
    said = run("ours", "postmap", "-q", "a", "hash:x", folder=work)
    assert "not made by this program, using its source file x" in said and "from the text" in said, said
    (work / "x").unlink()
    said = run("ours", "postmap", "-q", "a", "hash:x", folder=work, code=1)
    assert "not made by this program, and its source file is not there" in said, said
    (work / "t").write_text("a b\nc d\n")
    run("theirs", "postmap", "btree:t", folder=work)
    whole = (work / "t.db").read_bytes()
    (work / "t").unlink()
    for cut in (0, 100, 5000, len(whole) - 1):
        (work / "t.db").write_bytes(whole[:cut])
        run("ours", "postmap", "-q", "a", "btree:t", folder=work, code=1)
    for place in range(0, len(whole), 97):
        (work / "t.db").write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1:])
        if place % (97 * 8) == 0:
            done = subprocess.run([SBIN / "postmap", "-s", "btree:t"], env=dict(os.environ, MAIL_CONFIG=str(HOME / "ours")), cwd=work,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            assert done.returncode in (0, 1) and b"panic" not in done.stdout, done
    print("  odd files: named, never more than that")


#: A type, its text, a key that shows what is wrong, and what is said: with the line, where there are lines.
WRONG = [
    ("cidr", "10.0.0.0/8 ok\n10.0.0.1/8 x\n192.0.2.1\nnonsense x\nif 10.0.0.0/8\n", "10.1.1.1",
     ["x, line 2: non-null host address bits in \"10.0.0.1/8\"", "x, line 3: no lookup result", "x, line 4: bad address pattern", "x, line 5: IF has no matching ENDIF"]),
    ("regexp", "/a(/ x\n/b/\nc x\n/d/z x\n/e/ $2\nendif\n", "e", ["x, line 1: ", "x, line 2: no replacement text", "x, line 3: ignoring unrecognized request", "x, line 4: ", "x, line 5: ", "x, line 6: ignoring ENDIF without matching IF"]),
    ("texthash", "a b\nlonely\n  continued\n", "a", []),
    ("texthash", "lonely\na b\n", "a", ["x, line 1: expected format: key whitespace value"]),
]


def wrong_files():
    """What is wrong in a text is said with file, line and reason; what cannot be read harms no more than the look-up."""
    work = HOME / "wrong"
    work.mkdir()
    types = run("ours", "postconf", "-m", folder=work).split()
    kinds = [*WRONG, *(("pcre", *rest) for kind, *rest in WRONG if kind == "regexp" and "pcre" in types)]
    for kind, text, key, words in kinds:
        (work / "x").write_text(text)
        done = subprocess.run([SBIN / "postmap", "-q", key, f"{kind}:{work}/x"], env=dict(os.environ, MAIL_CONFIG=str(HOME / "ours")), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert done.returncode in (0, 1) and all(word in done.stdout for word in words), (kind, words, done.stdout)
    for kind in ("lmdb", "cdb"):
        if kind not in types:
            continue
        (work / "t").write_text("".join(f"key{i} value{i}\n" for i in range(500)))
        run("ours", "postmap", f"{kind}:t", folder=work)
        (work / "t").unlink()
        file = work / f"t.{SUFFIX[kind]}"
        whole = file.read_bytes()
        for broken in (b"", b"x", b"nonsense" * 600, whole[:2048], whole[:-1], whole[:2048] + b"\xff" * (len(whole) - 2048)):
            file.unlink()
            file.write_bytes(broken)
            for words in (["-q", "key7"], ["-s"]):
                done = subprocess.run([SBIN / "postmap", *words, f"{kind}:t"], env=dict(os.environ, MAIL_CONFIG=str(HOME / "ours")), cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
                assert done.returncode in (0, 1) and b"panic" not in done.stdout, (kind, len(broken), words, done)
                assert done.returncode == 0 or words == ["-q", "key7"] and not done.stdout or b"t." in done.stdout or b":t" in done.stdout, (kind, len(broken), words, done.stdout)
    for spec, word in (("inline:{a}", "a"), ("inline:{a=b", "inline:"), ("randmap:{}", "randmap"), ("unionmap:{x}", "type:name"), ("pipemap:", "type:name"), ("environ", "environ"), ("unix:nothing", "unix")):
        said = run("ours", "postmap", "-q", "a", spec if ":" in spec else f"{spec}:", folder=work, code=1)
        assert word in said, (spec, said)
    print("  wrong files: named by line and reason")


#: Which USE flag brings what.
FLAGS = {"ldap": "ldap", "mysql": "mysql", "pgsql": "postgres", "sqlite": "sqlite", "mongodb": "mongodb", "memcache": "memcached", "redis": "memcached", "nis": "nis", "lmdb": "lmdb", "cdb": "cdb"}


def left_out():
    """A type that was left out says which flag brings it, to postmap and in a look-up of a running system."""
    missing = {kind: flag for kind, flag in FLAGS.items() if flag not in FEATURES}
    for kind, flag in missing.items():
        said = run("ours", "postmap", "-q", "a", f"{kind}:/no/such", code=1)
        assert f"USE={flag}" in said, (kind, said)
        assert kind not in run("ours", "postconf", "-m").split()
    assert {kind for kind, flag in FLAGS.items() if flag in FEATURES} <= set(run("ours", "postconf", "-m").split())
    print(f"  left out: {', '.join(missing) or 'nothing'}")


def what_people_have():
    """main.cf files as they are: hash: tables of which only Postfix's .db file is there, and aliases."""
    tables = HOME / "etc"
    tables.mkdir()
    (tables / "aliases").write_text("postmaster: root\nteam: one@box.test, two@box.test\n")
    (tables / "virtual").write_text("sales@virtual.test user1@box.test\n")
    run("theirs", "postalias", f"hash:{tables}/aliases")
    run("theirs", "postmap", f"hash:{tables}/virtual")
    for name in ("aliases", "virtual"):
        (tables / name).unlink()
    system = System({"mydestination": "local.test", "alias_maps": f"hash:{tables}/aliases", "alias_database": f"hash:{tables}/aliases",
                     "local_recipient_maps": "$alias_maps", "virtual_alias_domains": "virtual.test", "virtual_alias_maps": f"hash:{tables}/virtual"})
    with system:
        def rcpt(address):
            with smtplib.SMTP("127.0.0.1", system.port, timeout=60) as client:
                client.ehlo("x.test")
                client.mail("me@x.test")
                return client.rcpt(address)[0]
        assert rcpt("team@local.test") == 250 and rcpt("Postmaster@local.test") == 250 and rcpt("nobody@local.test") == 550
        assert rcpt("sales@virtual.test") == 250 and rcpt("nobody@virtual.test") == 550
        with smtplib.SMTP("127.0.0.1", system.port, timeout=60) as client:
            client.sendmail("me@x.test", ["sales@virtual.test", "team@local.test"], "Subject: x\n\nx\n")
        wait_for(lambda: len(system.maildir("user1")) == 1, "the mail for an alias of a Berkeley DB file", system)
        # Postfix's commands change the file while we use it.
        run("theirs", "postmap", "-i", f"hash:{tables}/virtual", stdin="new@virtual.test user2@box.test\n")
        wait_for(lambda: rcpt("new@virtual.test") == 250, "a record that Postfix's postmap added", system)
        run("theirs", "postmap", "-d", "sales@virtual.test", f"hash:{tables}/virtual")
        wait_for(lambda: rcpt("sales@virtual.test") == 550, "a record that Postfix's postmap deleted", system)
        log = system.log()
        said = f"{tables}/virtual.db is a Berkeley DB file, its records are used as they are"
        assert (said in log) == (not BERKELEY), log
        assert "warning: " + said not in log
        # ours, on the same file
        run("ours", "postmap", "-i", f"hash:{tables}/virtual", stdin="ours@virtual.test user3@box.test\n")
        wait_for(lambda: rcpt("ours@virtual.test") == 250 and rcpt("new@virtual.test") == 250, "a record that our postmap added", system)
        # A newer text counts, without any command.
        (tables / "virtual").write_text("text@virtual.test user4@box.test\n")
        wait_for(lambda: rcpt("text@virtual.test") == 250, "a newer source text", system)
    print("  hash: tables of Postfix in a running system")


def caches():
    """A cache that Postfix left is taken over, and stays a file of its kind."""
    (HOME / "work/cache").write_text("a@b.test 0:0:4000000000:250 2.1.5 OK\n")
    run("theirs", "postmap", f"btree:{HOME}/work/cache")
    system = System({"address_verify_map": "btree:$data_directory/verify", "smtpd_recipient_restrictions": "reject_unauth_destination, reject_unverified_recipient, permit"},
                    "verify unix - - n - 1 verify\n")
    cache = system.home / "data/verify"
    shutil.copy(HOME / "work/cache.db", f"{cache}.db")
    if os.geteuid() == 0:
        shutil.chown(f"{cache}.db", "postfix")
    with system:
        with smtplib.SMTP("127.0.0.1", system.port, timeout=100) as client:
            client.ehlo("x.test")
            client.mail("me@x.test")
            assert client.rcpt("user5@box.test")[0] in (250, 450)
        side = "theirs" if BERKELEY else "ours"
        wait_for(lambda: "user5@box.test" in run(side, "postmap", "-s", f"btree:{cache}"), "the probe's result in the cache file", system)
        assert "a@b.test" in run(side, "postmap", "-s", f"btree:{cache}")
    print("  caches: taken over")


def behind_proxy():
    """postmap -i and -d change what proxy_write_maps lists, as the mail system's user."""
    system = System({"proxy_write_maps": "proxy:btree:$data_directory/mine", "address_verify_map": "proxy:btree:$data_directory/other",
                     "smtpd_recipient_restrictions": "reject_unauth_destination, reject_unverified_recipient, permit"}, "verify unix - - n - 1 verify\n")
    mine = system.home / "data/mine"
    postmap = lambda *words, **kw: system.command("postmap", *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    with system:
        assert postmap("-i", f"proxy:btree:{mine}", input="a b\nc d\n").returncode == 0
        assert postmap("-s", f"btree:{mine}").stdout == "a\tb\nc\td\n"
        file = os.stat(f"{mine}.db")
        assert os.geteuid() != 0 or (file.st_uid, file.st_mode & 0o777) == (os.stat(system.home / "data").st_uid, 0o600), file
        assert postmap("-ir", f"proxy:btree:{mine}", input="a x\n").returncode == 0 and postmap("-q", "a", f"btree:{mine}").stdout == "x\n"
        assert postmap("-d", "a", f"proxy:btree:{mine}").returncode == 0 and postmap("-d", "a", f"proxy:btree:{mine}").returncode == 1
        done = postmap("-i", f"proxy:btree:{system.home}/data/other", input="a b\n")
        assert done.returncode == 1 and "proxywrite service is not configured for table" in done.stdout, done
        # A cache that may not be written is none, and the log says how it could be.
        with smtplib.SMTP("127.0.0.1", system.port, timeout=100) as client:
            client.ehlo("x.test")
            client.mail("me@x.test")
            assert client.rcpt("user5@box.test")[0] == 450
        wait_for(lambda: f"list proxy:btree:{system.home}/data/other in main.cf:proxy_write_maps" in system.log(), "the line in the log", system)
        assert not os.path.exists(f"{system.home}/data/other.db")
    print("  proxy: written by the mail system's user where that is allowed")


if __name__ == "__main__":
    configure()
    try:
        main(both_directions, changes, locks, no_db_config, odd_files, wrong_files, left_out, what_people_have, caches, behind_proxy)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
