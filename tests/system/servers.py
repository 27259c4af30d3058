#!/usr/bin/env python3
"""Real servers take mail out: Dovecot's LMTP and aiosmtpd."""
import asyncio, email, os, pathlib, pwd, shutil, smtplib, subprocess, sys, threading
sys.path.insert(0, os.path.dirname(__file__))
from common import System, end, free_port, main, skip, wait_for

if os.geteuid() != 0:
    skip("Dovecot needs root to start")
if not shutil.which("dovecot"):
    skip("dovecot is not installed")
try:
    from aiosmtpd.controller import Controller
except ImportError:
    skip("the Python module aiosmtpd is missing")


class Collector:
    def __init__(self):
        self.messages = []

    async def handle_DATA(self, server, session, envelope):
        self.messages.append(envelope)
        return "250 taken"


def aiosmtpd_takes_mail():
    collector = Collector()
    port = free_port(3100)
    controller = Controller(collector, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with System({"relayhost": f"[127.0.0.1]:{port}"}) as system:
            with smtplib.SMTP("127.0.0.1", system.port) as client:
                for i in range(50):
                    client.sendmail("me@example.org", [f"a{i}@far.test", f"b{i}@far.test"], f"Subject: n{i}\n\nbody {i}\n.\n..\n" + "x" * 900 + "\n")
            system.drain()
            assert len(collector.messages) == 50, len(collector.messages)
            for envelope in collector.messages:
                i = email.message_from_bytes(envelope.content)["subject"][1:]
                assert sorted(envelope.rcpt_tos) == [f"a{i}@far.test", f"b{i}@far.test"], envelope.rcpt_tos
                body = envelope.content.split(b"\r\n\r\n", 1)[1]
                assert body == f"body {i}\r\n.\r\n..\r\n".encode() + b"x" * 900 + b"\r\n", body
    finally:
        controller.stop()


DOVECOT = """\
protocols = lmtp
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
instance_name = postfix-rs-test
mail_location = maildir:{base}/mail/%n
first_valid_uid = 1
mail_uid = nobody
mail_gid = nogroup
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
ssl = no
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={base}/mail/%n allow_all_users=yes
}}
service lmtp {{
  unix_listener {base}/lmtp {{
    mode = 0666
  }}
}}
service anvil {{
  chroot =
}}
"""


def dovecot_takes_mail():
    with System() as scratch:
        base = pathlib.Path(scratch.home) / "dovecot"
        for folder in (base, base / "run", base / "state", base / "mail"):
            folder.mkdir()
            os.chmod(folder, 0o755)
        nobody = pwd.getpwnam("nobody")
        os.chown(base / "mail", nobody.pw_uid, nobody.pw_gid)
        (base / "conf").write_text(DOVECOT.format(base=base))
        server = subprocess.Popen(["dovecot", "-F", "-c", base / "conf"])
        try:
            wait_for((base / "lmtp").exists, "Dovecot's LMTP socket")
            with System({"virtual_transport": f"lmtp:unix:{base}/lmtp"}) as system:
                with smtplib.SMTP("127.0.0.1", system.port) as client:
                    for i in range(20):
                        client.sendmail("me@example.org", [f"user{i}@box.test", "user99@box.test"], f"Subject: n{i}\n\n.leading dot\nbody {i}\n")
                system.drain()
                for i in range(20):
                    found = list((base / f"mail/user{i}/new").iterdir())
                    assert len(found) == 1 and f".leading dot\nbody {i}\n" in found[0].read_text().replace("\r", ""), found
                assert len(list((base / "mail/user99/new").iterdir())) == 20
                assert "status=sent (250 2.0.0 <user0@box.test>" in system.log(), system.log()
        finally:
            end(server)


if __name__ == "__main__":
    main(aiosmtpd_takes_mail, dovecot_takes_mail)
