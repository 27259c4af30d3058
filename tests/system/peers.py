#!/usr/bin/env python3
"""Other mail systems take our mail and send us theirs: C Postfix, Exim, OpenSMTPD, Dovecot. Encrypted and with logins both ways,
every body compared; delivery status notifications and SMTPUTF8 go all the way round."""
import email, os, pathlib, pwd, re, shutil, smtplib, subprocess, sys
sys.path.insert(0, os.path.dirname(__file__))
from common import System, can_connect, end, main, wait_for
from flow import bodies, check
from machine import PKI, enter, run

REFERENCE = pathlib.Path(os.environ.get("REFERENCE", "/tmp/reference"))
PEERS = pathlib.Path(os.environ.get("PEERS", "/tmp/peers"))
enter(("ours.test", "postfix.test", "exim.test", "opensmtpd.test", "dovecot.test"), (REFERENCE, PEERS),
      (REFERENCE / "usr/sbin/postfix", PEERS / "usr/sbin/exim4", PEERS / "usr/sbin/smtpd", "/usr/lib/dovecot/dovecot-lda"))

PORTS = {"postfix": 2501, "exim": 2502, "opensmtpd": 2503, "dovecot": 2504}
OURS = 2599
PASSWORD = "pass word"
# Each peer has one mailbox, for all addresses of its domain.
BOX = pathlib.Path("/var/box")
# Dovecot's socket.
AUTH = pathlib.Path("/run/peers-auth")


class Peer:
    """A mail system that takes mail for NAME.test and sends all other mail to us."""

    # Its notices repeat ENVID and ORCPT.
    reports_ids = True

    def __init__(self, name, ready):
        self.name, self.port, self.box = name, PORTS[name], BOX / name
        self.home = PKI / name
        self.home.mkdir(exist_ok=True)
        self.box.mkdir()
        shutil.chown(self.box, "box", "box")
        self.process = None
        self.begin()
        wait_for(lambda: can_connect(self.port) or self.process.poll() is not None, ready)
        assert self.process.poll() is None, f"{ready} does not start"

    def mail(self):
        new = self.box / "new"
        return sorted(new.iterdir()) if new.is_dir() else []

    def end(self):
        end(self.process)


class Ours(System):
    """Our side of one pairing: mail for the peer goes there by verified connections and after a login; mail for
    MECHANISM.PEER.test by that mechanism. The peer logs in as well."""

    def __init__(self, peer, mechanisms=(), master="", **main):
        place = f"[{peer}.test]:{PORTS[peer]}"
        ways = " ".join(f"{{{word}.{peer}.test={word}:{place}}}" for word in mechanisms)
        settings = dict(
            myhostname="ours.test", smtp_host_lookup="native", relayhost=place, transport_maps=f"inline:{{{ways}}}" if ways else "",
            smtpd_tls_security_level="may", smtpd_tls_cert_file=PKI / "cert.pem", smtpd_tls_key_file=PKI / "key.pem",
            smtp_tls_security_level="secure", smtp_tls_CAfile=PKI / "ca.pem", smtp_tls_secure_cert_match="hostname", smtp_tls_loglevel="1",
            smtp_sasl_auth_enable="yes", smtp_sasl_password_maps=f"inline:{{{{{place}=joe:{PASSWORD}}}}}", smtp_sasl_security_options="noanonymous",
            smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot", smtpd_sasl_path=AUTH, virtual_mailbox_maps="static:box/", smtputf8_enable="yes")
        ways = "".join(f"{word} unix - - n - - smtp\n  -o smtp_sasl_mechanism_filter={word}\n" for word in mechanisms)
        super().__init__({**settings, **main}, f"127.0.0.1:{OURS} inet n - n - - smtpd\n  -o smtpd_tls_security_level=encrypt\n"
                         f"  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n{ways}{master}")


def give(port, number, body, recipient, sender, options=("BODY=8BITMIME",), rcpt=()):
    head = f"Subject: n{number}\nX-Number: {number}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
    with smtplib.SMTP("127.0.0.1", port, "client.test", timeout=60) as client:
        client.command_encoding = "utf-8"
        client.ehlo()
        for command in (f"MAIL FROM:<{sender}> {' '.join(options)}", f"RCPT TO:<{recipient}> {' '.join(rcpt)}"):
            code, text = client.docmd(command.strip())
            assert code == 250, (command, text)
        code, text = client.data(f"{head}\n{body}".encode())
        assert code == 250, text


class Dovecot:
    """Checks passwords for us and for Postfix, and takes mail: by LMTP with STARTTLS, and as a program that delivers."""

    def __init__(self):
        self.base = PKI / "dovecot"
        self.conf = self.base / "conf"
        for folder in (self.base, self.base / "run", self.base / "state"):
            folder.mkdir(mode=0o755)
        (self.base / "log").touch()
        (self.base / "log").chmod(0o666)
        (self.base / "users").write_text(f"joe:{PASSWORD}\n")
        sendmail = self.base / "sendmail"
        sendmail.write_text("#!/bin/sh\nMAIL_CONFIG=$(cat /etc/peers/dovecot/config) exec /stage/usr/sbin/sendmail \"$@\"\n")
        sendmail.chmod(0o755)
        self.conf.write_text(DOVECOT.format(base=self.base, socket=AUTH, port=PORTS["dovecot"], pki=PKI, box=BOX))
        (BOX / "dovecot").mkdir(parents=True)
        shutil.chown(BOX / "dovecot", "box", "box")
        self.process = subprocess.Popen(["dovecot", "-F", "-c", self.conf])
        wait_for(AUTH.exists, "Dovecot")

    def mail(self, user):
        new = BOX / "dovecot" / user / "new"
        return sorted(new.iterdir()) if new.is_dir() else []


DOVECOT = """\
protocols = lmtp
mail_location = maildir:{box}/dovecot/%n
first_valid_uid = 1
first_valid_gid = 1
mail_uid = box
mail_gid = box
sendmail_path = {base}/sendmail
hostname = dovecot.test
postmaster_address = postmaster@dovecot.test
mail_plugins = quota
plugin {{
  quota = maildir:quota
  quota_rule = *:storage=1M
}}
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
ssl = yes
ssl_cert = <{pki}/cert.pem
ssl_key = <{pki}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
service anvil {{
  chroot =
}}
service stats {{
  chroot =
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service auth {{
  unix_listener {socket} {{
    mode = 0666
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {base}/users
}}
userdb {{
  driver = static
  args = uid=box gid=box home={box}/dovecot/%n allow_all_users=yes
}}
"""


class Exim(Peer):
    """Exim: PLAIN, LOGIN and CRAM-MD5, DSN, SMTPUTF8."""

    def __init__(self):
        super().__init__("exim", "Exim")

    def begin(self):
        key = self.home / "key.pem"
        run(f"install -m 640 -g Debian-exim {PKI}/key.pem {key}; mkdir -p /var/spool/exim4 /var/log/exim4; chown Debian-exim: /var/spool/exim4 /var/log/exim4")
        pathlib.Path("/etc/exim4").mkdir(exist_ok=True)
        pathlib.Path("/etc/exim4/exim4.conf").write_text(EXIM.format(port=self.port, ours=OURS, pki=PKI, key=key, box=self.box, password=PASSWORD))
        self.process = subprocess.Popen(["/usr/sbin/exim4", "-bdf", "-q5s"])


EXIM = """\
primary_hostname = exim.test
domainlist mine = exim.test : *.exim.test
keep_environment =
never_users =
acl_smtp_rcpt = acl_rcpt
tls_advertise_hosts = *
tls_certificate = {pki}/cert.pem
tls_privatekey = {key}
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
log_selector = +tls_certificate_verified
queue_run_in_order
remote_max_parallel = 1
begin acl
acl_rcpt:
  accept encrypted = *
         authenticated = *
  accept hosts = 127.0.0.1
         sender_domains = exim.test
  deny
begin routers
mine:
  driver = accept
  domains = +mine
  transport = box
rest:
  driver = manualroute
  route_list = * ours.test::{ours} byname
  self = send
  transport = ours
begin transports
box:
  driver = appendfile
  directory = {box}
  maildir_format
  user = box
  group = box
ours:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = {pki}/ca.pem
  tls_verify_hosts = *
  hosts_require_auth = *
begin retry
* * F,1h,1s
begin authenticators
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{joe}}{{{password}}}fail}}
  server_set_id = $auth1
  client_name = joe
  client_secret = {password}
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{joe}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{joe}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
"""


class OpenSmtpd(Peer):
    """OpenSMTPD: DSN; it logs in by PLAIN. Debian's build cannot sign with a server's key, so nothing is encrypted on the way there
    (https://github.com/OpenSMTPD/OpenSMTPD/issues/1171), and without encryption it offers no logins."""

    reports_ids = False

    def __init__(self):
        super().__init__("opensmtpd", "OpenSMTPD")

    def begin(self):
        run("mkdir -p /var/spool/smtpd /var/empty; chmod 711 /var/spool/smtpd; sed -i '/^opensmtp/s|:/var/empty:|:/var/lib/opensmtpd/empty:|' /etc/passwd")
        (self.home / "out").write_text(f"ours joe:{PASSWORD}\n")
        (self.home / "boxes").write_text("@ box\n")
        conf = self.home / "smtpd.conf"
        conf.write_text(OPENSMTPD.format(port=self.port, ours=OURS, pki=PKI, home=self.home, box=self.box))
        self.process = subprocess.Popen(["/usr/sbin/smtpd", "-d", "-f", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


OPENSMTPD = """\
ca authority cert "{pki}/ca.pem"
table out file:{home}/out
table boxes file:{home}/boxes
listen on 127.0.0.1 port {port} hostname opensmtpd.test
action box maildir "{box}" virtual <boxes>
action ours relay host smtp+tls://ours@ours.test:{ours} auth <out> ca authority helo opensmtpd.test
match from any for domain "opensmtpd.test" action box
match from any mail-from "@opensmtpd.test" for any action ours
match from local for any action ours
"""


class Postfix(Peer):
    """C Postfix: all mechanisms, DSN, SMTPUTF8."""

    def __init__(self):
        super().__init__("postfix", "Postfix")

    def begin(self):
        settings = POSTFIX.format(ours=OURS, pki=PKI, auth=AUTH, password=PASSWORD, box=BOX, uid=pwd.getpwnam("box").pw_uid)
        pathlib.Path("/etc/postfix/main.cf").write_text(settings)
        master = pathlib.Path("/usr/share/postfix/master.cf.dist").read_text()
        # What stands there is: smtp      inet  n       -       y       -       -       smtpd
        master = re.sub(r"(?m)^smtp +inet", f"127.0.0.1:{self.port} inet", master)
        master = re.sub(r"(?m)^(\S+ +(?:inet|unix|unix-dgram|pass|fifo) +\S+ +\S+ +)y ", r"\1n ", master)
        pathlib.Path("/etc/postfix/master.cf").write_text(master)
        run("mkdir -p /var/spool/postfix /var/lib/postfix /var/log; chown postfix: /var/lib/postfix; chgrp postdrop /usr/sbin/postdrop /usr/sbin/postqueue; "
            "chmod 2755 /usr/sbin/postdrop /usr/sbin/postqueue")
        self.process = subprocess.Popen(["/usr/sbin/postfix", "start-fg"], stderr=subprocess.DEVNULL)

    def end(self):
        run("/usr/sbin/postfix stop")
        self.process.wait()


POSTFIX = """\
compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = postfix.test
mydestination =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = ipv4
maillog_file = /var/log/postfix.log
alias_maps =
alias_database =
virtual_mailbox_domains = postfix.test, plain.postfix.test, login.postfix.test, cram-md5.postfix.test
virtual_mailbox_base = {box}
virtual_mailbox_maps = static:postfix/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
relayhost = [ours.test]:{ours}
smtp_host_lookup = native
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = hostname
smtp_tls_CAfile = {pki}/ca.pem
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = inline:{{{{[ours.test]:{ours}=joe:{password}}}}}
smtp_sasl_security_options = noanonymous
smtpd_tls_security_level = may
smtpd_tls_cert_file = {pki}/cert.pem
smtpd_tls_key_file = {pki}/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_relay_restrictions = permit_sasl_authenticated, check_sender_access inline:{{postfix.test=OK}}, reject
smtpd_recipient_restrictions =
"""


IDS = ("Original-Envelope-Id:QQ+314", "Original-Recipient:rfc822;first+last@example.org")


def exchange(peer, mechanisms, utf8=True, **main):
    """Mail there by each mechanism, and mail from there; all of it whole. Notifications about success both ways, and addresses and
    headers beyond ASCII where the peer takes them."""
    domains = [f"{word}.{peer.name}.test" for word in mechanisms] or [f"{peer.name}.test"]
    name, box = peer.name, "someone@box.test"
    with Ours(name, mechanisms, **main) as ours:
        work = list(bodies(6 * len(domains), 3))
        for i, body in work:
            give(ours.port, i, body, f"someone@{domains[i % len(domains)]}", "me@box.test")
        wait_for(lambda: len(peer.mail()) == len(work), f"{len(work)} messages in the box of {name}", ours)
        check(peer.mail(), work, len(work))
        assert ours.log().count(f"Verified TLS connection established to {name}.test") >= len(mechanisms), ours.log()
        for i, body in work:
            give(peer.port, i, body, box, f"them@{name}.test")
        wait_for(lambda: len(ours.maildir("box")) == len(work), f"{len(work)} messages from {name}", ours)
        check(ours.maildir("box"), work, len(work))
        assert ours.log().count("sasl_method=") == len(work) and "sasl_username=joe" in ours.log(), ours.log()
        for path in (*peer.mail(), *ours.maildir("box")):
            path.unlink()
        wanted = (["RET=HDRS", "ENVID=QQ+2B314"], ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;first+2Blast@example.org"])
        give(ours.port, 100, "there\n", f"someone@{name}.test", "me@box.test", *wanted)
        wait_for(lambda: peer.mail() and ours.maildir("box"), f"a message for {name} and a notice from there", ours)
        notice(ours.maildir("box")[0], f"someone@{name}.test", *(IDS if peer.reports_ids else ()))
        give(peer.port, 101, "back\n", box, f"them@{name}.test", *wanted)
        wait_for(lambda: len(peer.mail()) == 2 and len(ours.maildir("box")) == 2, f"a message from {name} and a notice from here", ours)
        notice(next(path for path in peer.mail() if b"multipart/report" in path.read_bytes()), box, *IDS)
        if utf8:
            beyond_ascii(ours, peer)


def notice(path, recipient, *more):
    """A report that mail for RECIPIENT has arrived, with the headers only, and MORE lines."""
    message = email.message_from_bytes(path.read_bytes())
    status = next(part for part in message.walk() if part.get_content_type() == "message/delivery-status")
    # Not everybody decodes xtext.
    text = status.as_string().lower().replace(" ", "").replace("+2b", "+")
    for line in (f"Final-Recipient:rfc822;{recipient}", "Action:delivered", *more):
        assert line.lower() in text, (line, text)
    returned = str(message.get_payload()[-1])
    assert "X-Number: 10" in returned and "there" not in returned and "back" not in returned, returned


def beyond_ascii(ours, peer):
    before = len(peer.mail()), len(ours.maildir("box"))
    give(ours.port, 200, "Grüße\n", f"jürgen@{peer.name}.test", "müller@box.test", ["SMTPUTF8", "BODY=8BITMIME"])
    give(peer.port, 201, "Grüße\n", "müller@box.test", f"jürgen@{peer.name}.test", ["SMTPUTF8", "BODY=8BITMIME"])
    wait_for(lambda: (len(peer.mail()), len(ours.maildir("box"))) == (before[0] + 1, before[1] + 1), "mail with names beyond ASCII", ours)
    for path, sender in ((peer.mail()[-1], "müller"), (ours.maildir("box")[-1], "jürgen")):
        text = path.read_text()
        assert "Grüße" in text and "UTF8SMTP" in text, text
    assert "müller@box.test" in peer.mail()[-1].read_text() and "jürgen@" in ours.maildir("box")[-1].read_text()


def with_peer(kind, mechanisms, **keywords):
    peer = kind()
    try:
        exchange(peer, mechanisms, **keywords)
    finally:
        peer.end()


def postfix():
    with_peer(Postfix, ("plain", "login", "cram-md5"))


def exim():
    with_peer(Exim, ("plain", "login", "cram-md5"))


def opensmtpd():
    with_peer(OpenSmtpd, (), utf8=False, smtp_tls_security_level="none", smtp_sasl_auth_enable="no")


def dovecot():
    """By LMTP over verified TLS, by dovecot-lda as a pipe transport, and by dovecot-lda as mailbox_command; what does not fit in the box comes
    back through our sendmail command."""
    lda = f"/usr/lib/dovecot/dovecot-lda -c {CHECKER.conf}"
    place = f"[dovecot.test]:{PORTS['dovecot']}"
    master = f"lda unix - n n - - pipe\n  flags=DRhu user=box argv={lda} -f ${{sender}} -d ${{user}}\n"
    with Ours("dovecot", master=master, mydestination="local.test", mailbox_command=f'{lda} -f "$SENDER" -d "$USER" -a "$RECIPIENT"', relayhost="",
              lmtp_host_lookup="native", lmtp_tls_security_level="secure", lmtp_tls_CAfile=PKI / "ca.pem", lmtp_tls_secure_cert_match="hostname", lmtp_tls_loglevel="1",
              transport_maps=f"inline:{{{{lmtp.test=lmtp:{place}}} {{pipe.test=lda}}}}") as ours:
        (CHECKER.base / "config").write_text(str(ours.etc))
        # A user's postdrop takes a configuration only if the one in /etc/postfix names it.
        pathlib.Path("/etc/postfix/main.cf").write_text(f"compatibility_level = 3.11\nalternate_config_directories = {ours.etc}\n")
        ways = {"lmtp": "joe@lmtp.test", "pipe": "jane@pipe.test", "local": "box@local.test"}
        for way, recipient in ways.items():
            box = recipient.split("@")[0]
            work = list(bodies(6, 4))
            for i, body in work:
                give(ours.port, i, body, recipient, "me@box.test")
            wait_for(lambda: len(CHECKER.mail(box)) == len(work), f"{len(work)} messages by {way}", ours)
            check(CHECKER.mail(box), work, len(work))
        assert "Verified TLS connection established to dovecot.test" in ours.log() and "delivered via lda service" in ours.log(), ours.log()
        texts = [path.read_text() for path in CHECKER.mail("jane")]
        assert all("Delivered-To: jane@pipe.test" in text and "Return-Path: <me@box.test>" in text for text in texts), texts
        for recipient in (ways["pipe"], ways["local"]):
            give(ours.port, 300, ("x" * 70 + "\n") * 20_000, recipient, "me@box.test")
        wait_for(lambda: len(ours.maildir("box")) == 2, "two rejections by Dovecot", ours)
        for path in ours.maildir("box"):
            text = path.read_text()
            assert "Quota exceeded" in text and "Return-Path: <>" in text and "Auto-Submitted: auto-replied" in text, text[:3000]


if __name__ == "__main__":
    CHECKER = Dovecot()
    main(postfix, exim, opensmtpd, dovecot)
