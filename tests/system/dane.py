#!/usr/bin/env python3
"""DANE, DNSSEC and SRV with real name servers: signed zones served by nsd, validated by unbound, all on loopback addresses of a
network of its own. Our smtp delivers to servers that keep what their TLSA records say, and to such that do not."""
import hashlib, os, pathlib, re, shutil, smtplib, ssl, subprocess, sys, tempfile, threading
sys.path.insert(0, os.path.dirname(__file__))
from common import System, end, main, skip, wait_for

for program in ("nsd", "unbound", "ldns-signzone", "ldns-keygen", "drill", "openssl", "unshare"):
    if not shutil.which(program):
        skip(f"{program} is not installed")
try:
    from aiosmtpd.controller import Controller
except ImportError:
    skip("the Python module aiosmtpd is missing")
if os.geteuid() != 0:
    skip("root is needed to make a network of its own")
if "DANE_NAMESPACE" not in os.environ:
    os.execvpe("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv], dict(os.environ, DANE_NAMESPACE="1"))

WORK = pathlib.Path(tempfile.mkdtemp(prefix="postfix-rs-dane-"))
RESOLV = WORK / "resolv.conf"


def run(*words, **kw):
    return subprocess.run(list(map(str, words)), check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=WORK, **kw).stdout


# ---------------------------------------------------------------- certificates
def authority(name):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem",
        "-days", "30", "-subj", f"/CN={name}")


def certificate(name, ca, days=30):
    """A server's certificate; the file has the chain, then the key."""
    run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (WORK / "ext").write_text(f"basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:{name}\n")
    run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-out", f"{name}.pem", "-days", days, "-extfile", "ext")
    (WORK / f"{name}.chain").write_text("".join((WORK / f"{part}").read_text() for part in (f"{name}.pem", f"{ca}.pem", f"{name}.key")))


def der(name, key=False):
    pem = run("openssl", "x509", "-in", f"{name}.pem", "-noout", "-pubkey") if key else (WORK / f"{name}.pem").read_bytes()
    return run("openssl", *(("pkey", "-pubin") if key else ("x509",)), "-outform", "DER", input=pem)


def sha256(name, key=False):
    return hashlib.sha256(der(name, key)).hexdigest()


# ---------------------------------------------------------------- servers
class Taken:
    def __init__(self):
        self.to, self.names = [], []

    async def handle_DATA(self, server, session, envelope):
        self.to += envelope.rcpt_tos
        return "250 2.0.0 Ok: taken"


SERVERS = {}


def serve(host, number, cert=None, port=25):
    """A mail server at 127.0.1.NUMBER; cert names a certificate, without it there is no STARTTLS."""
    taken, context = Taken(), None
    if cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(WORK / f"{cert}.chain")
        context.sni_callback = lambda _, name, __: taken.names.append(name)
    controller = Controller(taken, hostname=f"127.0.1.{number}", port=port, tls_context=context, server_hostname=host)
    controller.start()
    SERVERS[host] = taken
    return f"{host}. A 127.0.1.{number}\n"


def zone(name, records, tamper=None, **times):
    """A zone file, signed if there are times; what tamper changes is changed after that."""
    text = f"$TTL 60\n$ORIGIN {name}.\n@ SOA ns.{name}. root.{name}. 1 3600 900 86400 60\n@ NS ns.{name}.\nns A 127.0.0.2\n{records}"
    path = WORK / f"{name}.zone"
    path.write_text(text)
    if times:
        key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name).decode().split()[-1]
        run("ldns-signzone", "-i", times["start"], "-e", times["end"], "-f", f"{name}.signed", path, key)
        path = WORK / f"{name}.signed"
        shutil.copy(WORK / f"{key}.key", WORK / f"{name}.anchor")
    if tamper:
        before = path.read_text()
        path.write_text(re.sub(*tamper, before))
        assert path.read_text() != before
    return path


class Names:
    """nsd on 127.0.0.2 with the zones, unbound on 127.0.0.1 in front of it."""

    def __init__(self, zones):
        listed = "".join(f'zone:\n  name: "{name}"\n  zonefile: "{path}"\n' for name, path in zones.items())
        (WORK / "nsd.conf").write_text(f'server:\n  ip-address: 127.0.0.2\n  username: ""\n  chroot: ""\n  zonesdir: "{WORK}"\n  pidfile: "{WORK}/nsd.pid"\n  logfile: "{WORK}/nsd.log"\n'
                                       f'  database: ""\n  xfrdfile: "{WORK}/xfrd"\n  zonelistfile: "{WORK}/zone.list"\n  xfrdir: "{WORK}"\n  server-count: 1\nremote-control:\n  control-enable: no\n{listed}')
        anchors = "".join(f'  trust-anchor-file: "{WORK}/{name}.anchor"\n' for name in zones if (WORK / f"{name}.anchor").exists())
        stubs = "".join(f'stub-zone:\n  name: "{name}"\n  stub-addr: 127.0.0.2\n' for name in zones)
        (WORK / "unbound.conf").write_text(f'server:\n  interface: 127.0.0.1\n  do-ip6: no\n  username: ""\n  chroot: ""\n  directory: "{WORK}"\n  pidfile: "{WORK}/unbound.pid"\n  use-syslog: no\n'
                                           f'  logfile: "{WORK}/unbound.log"\n  do-daemonize: no\n  do-not-query-localhost: no\n  module-config: "validator iterator"\n  local-zone: "test." nodefault\n'
                                           f'  num-threads: 1\n  so-rcvbuf: 0\n{anchors}{stubs}remote-control:\n  control-enable: no\n')
        quiet = dict(stdout=subprocess.DEVNULL, stderr=open(WORK / "names.err", "w"))
        self.programs = [subprocess.Popen(["nsd", "-d", "-c", WORK / "nsd.conf"], **quiet), subprocess.Popen(["unbound", "-d", "-c", WORK / "unbound.conf"], **quiet)]
        for server in ("127.0.0.2", "127.0.0.1"):
            wait_for(lambda: "NOERROR" in self.ask(server), f"the name server at {server}\n" + self.log())

    def ask(self, server, name="signed.test", kind="SOA"):
        done = subprocess.run(["drill", "-D", f"@{server}", kind, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.stdout

    def log(self):
        return "".join(path.read_text(errors="replace") for path in WORK.glob("*.log"))

    def stop(self):
        for program in self.programs:
            end(program)


def resolver(address):
    RESOLV.write_text(f"nameserver {address}\noptions timeout:2 attempts:2\n")


# ---------------------------------------------------------------- who is there
CASES = {}  # domain below signed.test: (level, what the log must say of the recipient, standing of the TLS connection or None, a line that must be there)


def case(name, number, cert, tlsa, level, verdict, standing, line=None, chain=None):
    CASES[name] = (level, verdict, standing, line)
    host = f"mail.{name}.signed.test"
    records = f"{name} MX 10 {host}.\n" + serve(host, number, cert)
    return records + "".join(f"_25._tcp.{host}. TLSA {one}\n" for one in tlsa)


def world():
    run("ip", "link", "set", "lo", "up")
    for ca in ("ca", "otherca"):
        authority(ca)
    hosts = ["ee", "ta", "taname", "bad", "none", "plain", "weak", "usage0", "broken", "only", "expired", "key", "alias"]
    for name in hosts:
        certificate(f"mail.{name}.signed.test", "ca", days=-1 if name == "expired" else 30)
    certificate("target.signed.test", "ca")
    certificate("mail.insecure.test", "ca")
    certificate("other.test", "ca")
    def mail(name): return f"mail.{name}.signed.test"
    def key(name): return sha256(mail(name), key=True)
    zero = "0" * 64
    records = case("ee", 1, mail("ee"), [f"3 1 1 {key('ee')}"], "dane", "status=sent", "Verified")
    records += case("expired", 2, mail("expired"), [f"3 0 1 {sha256(mail('expired'))}"], "dane-only", "status=sent", "Verified")
    records += case("ta", 3, mail("ta"), [f"2 0 1 {sha256('ca')}"], "dane", "status=sent", "Verified")
    records += case("key", 4, mail("key"), [f"2 1 0 {der('ca', key=True).hex()}"], "dane", "status=sent", "Verified")
    records += case("taname", 5, "other.test", [f"2 1 1 {sha256('ca', key=True)}"], "dane", "status=deferred (Server certificate not verified)", "Trusted", "num=62:hostname mismatch")
    records += case("bad", 6, mail("bad"), [f"3 1 1 {zero}"], "dane", "status=deferred (Server certificate not verified)", "Untrusted", "num=65:no matching DANE TLSA records")
    records += case("none", 7, mail("none"), [], "dane", "status=sent", "Untrusted")
    records += case("only", 8, mail("only"), [], "dane-only", "status=deferred (no TLSA records found)", None)
    records += case("plain", 9, None, [f"3 1 1 {zero}"], "dane", "TLS is required, but was not offered by host", None)
    records += case("weak", 10, mail("weak"), ["3 1 9 abcd", "3 1 1 abcd"], "dane", "status=sent", "Untrusted", "all TLSA records unusable, fallback to unauthenticated TLS")
    records += case("usage0", 11, mail("usage0"), [f"1 1 1 {key('usage0')}"], "dane", "status=sent", "Untrusted", "unsupported TLSA certificate usage: 1 1 1")
    records += case("broken", 12, mail("broken"), [f"3 1 1 {key('broken')}"], "dane", "status=deferred (TLSA lookup error for mail.broken.signed.test:25)", None, "DANE TLSA lookup problem")
    # The MX host is an alias; what it leads to has the records.
    CASES["alias"] = ("dane", "status=sent", "Verified", None)
    records += "alias MX 10 mail.alias.signed.test.\nmail.alias CNAME target.signed.test.\n" + serve("target.signed.test", 13, "target.signed.test")
    records += f"_25._tcp.target TLSA 3 1 1 {sha256('target.signed.test', key=True)}\n"
    # The record in the zone is not the one that has been signed.
    changed = (rf"(_25\._tcp\.mail\.broken\.signed\.test\.\s+60\s+IN\s+TLSA\s+3 1 1 ){key('broken')}", rf"\g<1>{zero}")
    records += "_submission._tcp.srv SRV 20 0 5872 second.srv.signed.test.\n_submission._tcp.srv SRV 10 0 5871 first.srv.signed.test.\n"
    records += "_submission._tcp.nosrv SRV 0 0 0 .\nmxonly MX 10 second.srv.signed.test.\nlist A 127.0.1.20\n_lmtp._tcp.list SRV 0 0 5873 lmtp.srv.signed.test.\n"
    records += serve("second.srv.signed.test", 20, port=5872) + "first.srv.signed.test. A 127.0.1.21\nlmtp.srv.signed.test. A 127.0.1.22\n"
    insecure = "@ MX 10 mail.insecure.test.\nmixed MX 10 mail.ee.signed.test.\n" + serve("mail.insecure.test", 14, "mail.insecure.test")
    insecure += f"_25._tcp.mail TLSA 3 1 1 {zero}\n"
    return {"signed.test": zone("signed.test", records, changed, start="20200101", end="20370101"),
            "late.test": zone("late.test", "@ MX 10 mail.ee.signed.test.\n", start="20200101", end="20200201"), "insecure.test": zone("insecure.test", insecure)}


def system(**more):
    policies = "".join(f"{name}.signed.test {level}\n" for name, (level, *_) in CASES.items())
    settings = dict(smtp_dns_support_level="dnssec", smtp_tls_security_level="dane", smtp_host_lookup="dns", smtp_tls_loglevel="1", virtual_mailbox_domains="",
                    smtp_tls_session_cache_database="")
    made = System({**settings, **more})
    (made.etc / "policies").write_text(policies)
    with open(made.etc / "main.cf", "a") as f:
        f.write(f"smtp_tls_policy_maps = texthash:{made.etc}/policies\n")
    return made


def send(to_system, *recipients):
    with smtplib.SMTP("127.0.0.1", to_system.port) as client:
        for recipient in recipients:
            client.sendmail("a@example.org", [recipient], "Subject: dane\n\nhello\n")


def outcome(of_system, recipient):
    """The line about a recipient, once it is there."""
    def found(): return re.search(rf"to=<{re.escape(recipient)}>.*", of_system.log())
    wait_for(found, f"an outcome for {recipient}", of_system)
    return found().group(0)


# ---------------------------------------------------------------- tests
def every_server_as_its_domain_says():
    with system() as sender:
        send(sender, *(f"u@{name}.signed.test" for name in CASES))
        for name, (level, verdict, standing, line) in CASES.items():
            said, log = outcome(sender, f"u@{name}.signed.test"), sender.log()
            assert verdict in said, f"{name} ({level}): {said}"
            host = f"mail.{name}.signed.test"
            connections = re.findall(rf"(\w+) TLS connection established to {re.escape(host)}\[", log)
            assert connections == ([standing] if standing else []), f"{name}: {connections}"
            assert line is None or line in log, f"{name}: no {line!r}"
        assert SERVERS["mail.ee.signed.test"].names == ["mail.ee.signed.test"]
        assert SERVERS["target.signed.test"].names == ["target.signed.test"]
        assert SERVERS["mail.none.signed.test"].names == [None], "no SNI without TLSA records"
        assert SERVERS["mail.bad.signed.test"].to == SERVERS["mail.plain.signed.test"].to == []
        assert "panic" not in log and "DNSSEC validation may be unavailable" not in log, log


def what_is_not_signed():
    with system() as sender:
        send(sender, "u@insecure.test", "u@mixed.insecure.test", "u@late.test")
        assert "status=sent" in outcome(sender, "u@insecure.test")
        assert "status=sent" in outcome(sender, "u@mixed.insecure.test")
        assert "Host not found, try again" in outcome(sender, "u@late.test") and "status=deferred" in outcome(sender, "u@late.test")
        log = sender.log()
        assert "Untrusted TLS connection established to mail.insecure.test[" in log, log
        # The server has proved itself, but nobody knows whether it is the right one.
        assert "Trusted TLS connection established to mail.ee.signed.test[" in log, log
    for policy, standing in (("encrypt", "Untrusted"), ("may", "Untrusted")):
        with system(smtp_tls_dane_insecure_mx_policy=policy) as sender:
            send(sender, "u@mixed.insecure.test")
            assert "status=sent" in outcome(sender, "u@mixed.insecure.test")
            assert f"{standing} TLS connection established to mail.ee.signed.test[" in sender.log(), sender.log()


def dane_only_wants_signatures():
    with system(smtp_tls_security_level="dane-only") as sender:
        send(sender, "u@insecure.test", "u@mixed.insecure.test")
        for name in ("insecure.test", "mixed.insecure.test"):
            assert "status=deferred (non DNSSEC destination)" in outcome(sender, f"u@{name}"), sender.log()


def a_name_server_that_does_not_validate():
    """Nothing is signed as far as anybody can tell: the log says why, and mail goes as with `may`."""
    resolver("127.0.0.2")
    try:
        with system(dnssec_probe="ns:signed.test") as sender:
            send(sender, "u@ee.signed.test", "u@bad.signed.test")
            for name in ("ee", "bad"):
                assert "status=sent" in outcome(sender, f"u@{name}.signed.test")
            log = sender.log()
            assert log.count("warning: DNSSEC validation may be unavailable") == 1, log
            assert "warning: reason: dnssec_probe 'ns:signed.test' received a response that is not DNSSEC validated" in log, log
    finally:
        resolver("127.0.0.1")


def services():
    """SRV: the first server is not there; the second one is, at its own port."""
    with system(use_srv_lookup="submission, lmtp", transport_maps="inline:{srv.signed.test=smtp:srv.signed.test:submission, nosrv.signed.test=smtp:nosrv.signed.test:submission, "
                "mxonly.signed.test=smtp:mxonly.signed.test:submission, late.test=smtp:late.test:submission, list.signed.test=lmtp:list.signed.test:lmtp}", smtp_tls_security_level="may") as sender:
        names = ("srv", "nosrv", "mxonly")
        send(sender, *(f"u@{name}.signed.test" for name in names), "u@late.test", "u@list.signed.test")
        assert "relay=second.srv.signed.test[127.0.1.20]:5872" in outcome(sender, "u@srv.signed.test")
        assert "connect to first.srv.signed.test[127.0.1.21]:5871: Connection refused" in sender.log()
        assert "dsn=5.1.0" in outcome(sender, "u@nosrv.signed.test") and "does not support SRV requests" in sender.log()
        assert "dsn=5.4.4" in outcome(sender, "u@mxonly.signed.test") and "name=_submission._tcp.mxonly.signed.test type=SRV" in sender.log()
        assert "dsn=4.4.3" in outcome(sender, "u@late.test")
        assert "connect to lmtp.srv.signed.test[127.0.1.22]:5873: Connection refused" in outcome(sender, "u@list.signed.test")
    with system(use_srv_lookup="submission", allow_srv_lookup_fallback="yes", smtp_tcp_port="5872", smtp_tls_security_level="may",
                transport_maps="inline:{mxonly.signed.test=smtp:mxonly.signed.test:submission}", known_tcp_ports="submission=5872") as sender:
        send(sender, "u@mxonly.signed.test")
        assert "relay=second.srv.signed.test[127.0.1.20]:5872" in outcome(sender, "u@mxonly.signed.test")
        assert "skipping SRV lookup for _submission._tcp.mxonly.signed.test: Host or domain name not found." in sender.log()


def encrypted_connections_are_used_again():
    with system(smtp_tls_connection_reuse="yes", smtp_connection_cache_destinations="ee.signed.test", smtp_connection_cache_time_limit="30s") as sender:
        for number in range(3):
            send(sender, f"u{number}@ee.signed.test")
            assert "status=sent" in outcome(sender, f"u{number}@ee.signed.test")
        log = sender.log()
        assert log.count("Verified TLS connection established to mail.ee.signed.test[") == 1, log
        assert log.count("Verified TLS connection reused to mail.ee.signed.test[") == 2, log
        assert "conn_use=3" in outcome(sender, "u2@ee.signed.test")


def a_look_at_a_server():
    """posttls-finger: what it says of a server with TLSA records, its chain, and a session that is resumed."""
    with system() as sender:
        done = sender.command("posttls-finger", "-cC", "ee.signed.test", stdout=subprocess.PIPE)
        assert done.returncode == 0 and "Matched DANE EE certificate at depth 0: 3 1 1 " in done.stdout and "Verified TLS connection" in done.stdout, done.stdout
        assert done.stdout.count("-----BEGIN CERTIFICATE-----") == 2 and " 1 subject: /CN=ca" in done.stdout, done.stdout
        done = sender.command("posttls-finger", "-c", "-r", "1", "ta.signed.test", stdout=subprocess.PIPE)
        assert "Reusing old session" in done.stdout and "Found a previously used server.  Done reconnecting." in done.stdout, done.stdout
        done = sender.command("posttls-finger", "-c", "broken.signed.test", stdout=subprocess.PIPE)
        assert "via mail.broken.signed.test:25: TLSA lookup error for mail.broken.signed.test:25" in done.stdout, done.stdout
        done = sender.command("posttls-finger", "-cR", "-l", "may", "srv.signed.test:submission", stdout=subprocess.PIPE)
        assert "via first.srv.signed.test:5871: connect to first.srv.signed.test[127.0.1.21]:5871: Connection refused" in done.stdout, done.stdout


if __name__ == "__main__":
    resolver("127.0.0.1")
    run("mount", "--bind", RESOLV, os.path.realpath("/etc/resolv.conf"))
    names = Names(world())
    try:
        main(every_server_as_its_domain_says, what_is_not_signed, dane_only_wants_signatures, a_name_server_that_does_not_validate, services, encrypted_connections_are_used_again,
             a_look_at_a_server)
    finally:
        names.stop()
        shutil.rmtree(WORK, ignore_errors=True)
