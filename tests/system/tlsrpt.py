#!/usr/bin/env python3
"""TLS reports (RFC 8460), from handshakes with real servers to the report in the domain's mailbox: counted, kept over a restart, sent."""
import email, gzip, json, os, pathlib, re, socket, subprocess, sys, threading
sys.path.insert(0, os.path.dirname(__file__))
from common import System, free_port, main, wait_for
from machine import PKI, enter

enter(("ours.test", "mx.good.test", "mx.plain.test", "mx.bad.test", "mx.quiet.test"))
from dnslib import QTYPE, RCODE, RR, DNSRecord

DOMAINS = ("good", "plain", "bad", "quiet")
PERIOD = 15


def name_server():
    """MX, A and TXT records of DOMAINS; all but quiet.test want reports."""
    zone = {}
    for domain in DOMAINS:
        zone[f"{domain}.test", "MX"] = f"10 mx.{domain}.test."
        zone[f"mx.{domain}.test", "A"] = "127.0.0.1"
        zone[f"_smtp._tls.{domain}.test", "TXT"] = f'"v=TLSRPTv1; rua=mailto:tls-reports@{domain}.test,https://{domain}.test/tlsrpt"'
    zone["_smtp._tls.quiet.test", "TXT"] = '"v=spf1 -all"'
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))

    def serve():
        while True:
            data, peer = server.recvfrom(4096)
            question = DNSRecord.parse(data)
            reply, name, kind = question.reply(), str(question.q.qname).lower().rstrip("."), QTYPE[question.q.qtype]
            if (name, kind) in zone:
                reply.add_answer(*RR.fromZone(f"{name}. 60 {kind} {zone[name, kind]}"))
            elif not any(known == name or known.endswith("." + name) for known, _ in zone):
                reply.header.rcode = RCODE.NXDOMAIN
            server.sendto(reply.pack(), peer)
    threading.Thread(target=serve, daemon=True).start()


class Ours(System):
    def __init__(self, ports):
        # One smtp line for each server: all of them are this machine, on other ports, and good.test has to prove who it is.
        ways = " ".join(f"{{{domain}.test={domain}:{domain}.test:{ports[domain]}}}" for domain in DOMAINS)
        levels = {"good": "secure", "plain": "may", "bad": "secure", "quiet": "may"}
        lines = "".join(f"{domain} unix - - n - - smtp\n  -o smtp_tls_security_level={level}\n" for domain, level in levels.items())
        super().__init__(dict(myhostname="ours.test", mydomain="ours.test", transport_maps=f"inline:{{{ways}}}", smtp_tlsrpt_enable="yes",
                              smtp_tls_CAfile=PKI / "ca.pem", smtp_tls_security_level="may", smtp_tls_secure_cert_match="hostname",
                              tlsrpt_report_interval=f"{PERIOD}s", tlsrpt_report_delay="1s", tlsrpt_organization_name="Ours, of course",
                              tlsrpt_contact_info="tls@ours.test"), lines)


def certificate_of_nobody():
    key, pem = PKI / "bad.key", PKI / "bad.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", pem, "-days", "30", "-subj", "/CN=mx.bad.test"],
                   check=True, stderr=subprocess.DEVNULL)
    return f"-o smtpd_tls_security_level=may -o smtpd_tls_cert_file={pem} -o smtpd_tls_key_file={key}"


def theirs(ports):
    """One system that plays the servers of all domains."""
    encrypted = f"-o smtpd_tls_security_level=may -o smtpd_tls_cert_file={PKI}/cert.pem -o smtpd_tls_key_file={PKI}/key.pem"
    options = {"good": encrypted, "plain": "-o smtpd_tls_security_level=none", "bad": certificate_of_nobody(), "quiet": encrypted}
    lines = "".join(f"127.0.0.1:{ports[domain]} inet n - n - - smtpd\n  {options[domain]}\n" for domain in DOMAINS)
    return System(dict(myhostname="theirs.test", virtual_mailbox_domains=" ".join(f"{domain}.test" for domain in DOMAINS), virtual_mailbox_maps=BOXES), lines)


BOXES = "inline:{" + " ".join(f"{{tls-reports@{domain}.test={domain}/}} {{user@{domain}.test=mail/}}" for domain in DOMAINS) + "}"


def send(ours, domain):
    before = ours.log().count(f"to=<user@{domain}.test>")
    done = ours.command("sendmail", "-f", "me@ours.test", f"user@{domain}.test", input="Subject: x\n\nx\n")
    assert done.returncode == 0
    wait_for(lambda: ours.log().count(f"to=<user@{domain}.test>") > before, f"mail to {domain}", ours)


def reports(system, domain):
    """All that a domain has got, as parsed JSON."""
    found = []
    for path in system.maildir(domain):
        message = email.message_from_bytes(path.read_bytes())
        assert message.get_content_type() == "multipart/report" and message.get_param("report-type") == "tlsrpt", message
        assert message["TLS-Report-Domain"] == f"{domain}.test" and message["TLS-Report-Submitter"] == "ours.test", message
        assert message["From"] == "postmaster@ours.test" and message["TLS-Required"] == "no", message
        assert re.fullmatch(rf"Report Domain: {domain}\.test Submitter: ours\.test Report-ID: <\S+@ours\.test>", message["Subject"]), message
        part = next(part for part in message.walk() if part.get_content_type() == "application/tlsrpt+gzip")
        name = re.fullmatch(rf"ours\.test!{domain}\.test!(\d+)!(\d+)!\S+\.json\.gz", part.get_filename())
        assert int(name[2]) - int(name[1]) == PERIOD - 1 and int(name[1]) % PERIOD == 0, name
        found.append(json.loads(gzip.decompress(part.get_payload(decode=True))))
    return found


def handshakes_are_reported():
    name_server()
    ports = {domain: free_port(3500 + 10 * n) for n, domain in enumerate(DOMAINS)}
    with theirs(ports) as them, Ours(ports) as ours:
        for domain in ("good", "good", "plain", "bad", "quiet"):
            send(ours, domain)
        log = ours.log()
        assert "TLSRPT: status=success, domain=good.test, receiving_mx=mx.good.test[127.0.0.1]" in log, log
        assert "TLSRPT: status=failure, domain=plain.test, receiving_mx=mx.plain.test[127.0.0.1], failure_type=starttls_not_supported" in log, log
        assert "domain=bad.test, receiving_mx=mx.bad.test[127.0.0.1], failure_type=validation_failure, failure_reason=self-signed_certificate" in log, log
        assert "domain=quiet.test" not in log, log
        # What has been counted outlives a restart.
        ours.stop()
        wait_for(lambda: not ours.processes() or not pathlib.Path(f"/proc/{ours.processes()[0]}").exists(), "the end", ours)
        kept = json.loads((ours.home / "data/tlsrpt.json").read_text())
        assert any("good.test" in period["domains"] for period in kept["periods"].values()), kept
        ours.start()
        for domain in ("good", "plain", "bad"):
            wait_for(lambda: them.maildir(domain), f"a report for {domain}.test", ours)
        got = {domain: reports(them, domain) for domain in ("good", "plain", "bad")}
        for domain, all_of_them in got.items():
            for report in all_of_them:
                assert set(report) == {"organization-name", "date-range", "contact-info", "report-id", "policies"}, report
                assert report["organization-name"] == "Ours, of course" and report["contact-info"] == "tls@ours.test", report
                assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time in report["date-range"].values()), report
                assert [entry["policy"] for entry in report["policies"]] == [{"policy-type": "no-policy-found", "policy-domain": f"{domain}.test"}], report
        first = {domain: all_of_them[0]["policies"][0] for domain, all_of_them in got.items()}
        assert first["good"]["summary"]["total-failure-session-count"] == 0 and "failure-details" not in first["good"], first
        assert first["good"]["summary"]["total-successful-session-count"] >= 1, first
        assert first["plain"]["failure-details"][0]["result-type"] == "starttls-not-supported", first
        failure = first["bad"]["failure-details"][0]
        assert failure["result-type"] == "validation-failure" and failure["failure-reason-code"] == "self-signed_certificate", failure
        assert failure["receiving-mx-hostname"] == "mx.bad.test" and failure["receiving-ip"] == failure["sending-mta-ip"] == "127.0.0.1", failure
        assert failure["receiving-mx-helo"] == "theirs.test" and failure["failed-session-count"] >= 1, failure
        # The reports themselves went where TLS does not work, and are not reported about.
        assert "TLS report for bad.test sent to <tls-reports@bad.test>" in ours.log() and not them.maildir("quiet"), ours.log()
        assert "not sent to https://bad.test/tlsrpt: reports go by mail only" in ours.log(), ours.log()


if __name__ == "__main__":
    main(handshakes_are_reported)
