#!/usr/bin/env python3
"""RFC 8689 between two of our own systems: REQUIRETLS by every policy and against servers that lack something, its notices, and
`TLS-Required: no`."""
import os, smtplib, ssl, subprocess, sys
sys.path.insert(0, os.path.dirname(__file__))
from common import System, free_port, main, wait_for

# Domain: the master.cf line that mail for it takes, and the service of the receiver that it goes to.
WAYS = {"ok": ("strict", "all"), "old": ("strict", "old"), "plain": ("strict", "plain"), "weak": ("weak", "all"),
        "lax": ("lax", "old"), "starttls": ("starttls", "old"), "nostarttls": ("starttls", "plain"), "verified": ("lax", "all"), "gone": ("strict", "refuses")}
SECURE = "-o smtp_tls_security_level=secure"
LINES = {"strict": f"{SECURE} -o smtp_requiretls_policy=enforce", "weak": "-o smtp_tls_security_level=encrypt -o smtp_requiretls_policy=enforce",
         "lax": "-o smtp_tls_security_level=may -o smtp_requiretls_policy=opportunistic",
         "starttls": "-o smtp_tls_security_level=may -o smtp_requiretls_policy=opportunistic+starttls"}
SERVICES = {"all": "", "old": "-o smtpd_discard_ehlo_keywords=requiretls,silent-discard", "plain": "-o smtpd_tls_security_level=none", "refuses": "-o smtpd_client_restrictions=reject"}


def certificate(system):
    key, pem = system.etc / "key.pem", system.etc / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", pem, "-days", "30", "-subj", "/CN=localhost",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
    with open(system.etc / "main.cf", "a") as f:
        f.write(f"smtpd_tls_cert_file = {pem}\nsmtpd_tls_key_file = {key}\nsmtpd_tls_security_level = may\n")
    return pem


class Pair:
    """A system that sends to another, in as many ways as there are in WAYS."""

    def __enter__(self):
        ports = {name: free_port(3200 + 50 * index) for index, name in enumerate(SERVICES)}
        services = "".join(f"127.0.0.1:{ports[name]} inet n - n - - smtpd\n  {options}\n" for name, options in SERVICES.items())
        domains = " ".join(f"{domain}.test" for domain in WAYS)
        boxes = {"virtual_mailbox_domains": domains, "virtual_mailbox_maps": "static:box/"}
        self.receiver = System(boxes, services)
        trusted = certificate(self.receiver)
        # Before the other chooses its port.
        self.receiver.start()
        ways = " ".join(f"{{{domain}.test={line}:[localhost]:{ports[service]}}}" for domain, (line, service) in WAYS.items())
        self.sender = System({"transport_maps": f"inline:{{{ways}}}", "smtp_host_lookup": "native", "smtp_tls_CAfile": trusted, "virtual_mailbox_domains": "back.test",
                              "virtual_mailbox_maps": "static:back/", "smtp_tls_secure_cert_match": "hostname"},
                             "".join(f"{name} unix - - n - - smtp\n  {options}\n" for name, options in LINES.items()))
        certificate(self.sender)
        self.sender.start()
        return self

    def __exit__(self, *why):
        self.sender.__exit__(*why)
        self.receiver.__exit__(*why)

    def connect(self):
        client = smtplib.SMTP("127.0.0.1", self.sender.port, "client.test", timeout=30)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.starttls(context=context)
        client.ehlo()
        return client

    def send(self, domain, options=("REQUIRETLS",), header=""):
        """Sends; returns the line of the delivery attempt and, for mail that did not get through, the notice."""
        before = self.sender.log().count(f"to=<you@{domain}.test>")
        with self.connect() as client:
            client.sendmail("me@back.test", [f"you@{domain}.test"], f"{header}Subject: {domain}\n\nsecret words\n", mail_options=list(options))
        wait_for(lambda: self.sender.log().count(f"to=<you@{domain}.test>") > before, f"mail to {domain}", self.sender)
        return [line for line in self.sender.log().splitlines() if f"to=<you@{domain}.test>" in line][-1]

    def received(self):
        return [path.read_text() for path in self.receiver.maildir("box")]

    def notice(self, count):
        wait_for(lambda: len(self.sender.maildir("back")) == count, f"notice {count}", self.sender)
        return max(self.sender.maildir("back"), key=lambda path: path.stat().st_mtime_ns).read_text()


def required():
    with Pair() as pair:
        with smtplib.SMTP("127.0.0.1", pair.sender.port, "client.test") as client:
            client.ehlo()
            assert not client.has_extn("requiretls"), client.esmtp_features
            assert client.docmd("MAIL FROM:<me@back.test> REQUIRETLS")[0] == 555
        with pair.connect() as client:
            assert client.has_extn("requiretls"), client.esmtp_features
        line = pair.send("ok")
        assert "tls=secure/requiretls, dsn=2.0.0, status=sent" in line, line
        wait_for(pair.received, "a message", pair.receiver)
        assert "Require-TLS-ESMTP: yes" in pair.received()[0], pair.received()
        # Without the wish nothing is said.
        line = pair.send("old", ())
        assert "tls=secure, dsn=2.0.0, status=sent" in line, line
        for count, (domain, words) in enumerate({
                "old": ("tls=secure/!requiretls:none, dsn=5.7.30, status=bounced", "no server was found that supports REQUIRETLS"),
                "plain": ("tls=!secure/!requiretls:nostarttls, dsn=5.7.30, status=bounced", "TLS service was not offered"),
                "weak": ("tls=encrypt?/!requiretls:nocertmatch, dsn=5.7.10, status=bounced", "disables certificate matching"),
                "nostarttls": ("tls=may?/!requiretls:nostarttls, dsn=5.7.30, status=bounced", "TLS service was not offered")}.items(), 1):
            line = pair.send(domain)
            assert all(word in line for word in words), line
            notice = pair.notice(count)
            # RFC 8689 section 5: only headers, and without REQUIRETLS.
            assert f"Subject: {domain}" in notice and "secret words" not in notice, notice
        for domain, words in {"lax": "tls=may/requiretls:none,", "starttls": "tls=may/requiretls:none,", "verified": "tls=may/requiretls:nocertmatch,"}.items():
            line = pair.send(domain)
            assert words in line and "status=sent" in line, line
        done = pair.sender.command("sendmail", "-O", "requiretls=yes", "-f", "me@back.test", "you@old.test", input="Subject: x\n\nsecret words\n")
        assert done.returncode == 0
        pair.notice(5)
        wait_for(lambda: len(pair.received()) == 5, "five messages", pair.receiver)


def not_needed():
    header = "TLS-Required: no\n"
    with Pair() as pair:
        for domain, words in {"plain": "tls=may:none, dsn=2.0.0", "ok": "tls=may, dsn=2.0.0"}.items():
            line = pair.send(domain, (), header)
            assert words in line, line
        # REQUIRETLS overrides the header, also in the notice.
        line = pair.send("plain", header=header)
        assert "dsn=5.7.30, status=bounced" in line, line
        assert "TLS-Required: no" not in pair.notice(1).split("\n\n")[0]
        # A notice about mail that needs no TLS needs none either.
        line = pair.send("gone", (), header)
        assert "status=bounced" in line, line
        assert "TLS-Required: no" in pair.notice(2).split("\n\n")[0]


if __name__ == "__main__":
    main(required, not_needed)
