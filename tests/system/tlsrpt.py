#!/usr/bin/env python3
"""TLS reports (RFC 8460), from handshakes with real servers to the report in the domain's mailbox and at its web server: counted, kept
over a restart, sent."""
import collections, email, gzip, http.server, json, os, pathlib, re, socket, ssl, subprocess, sys, threading
sys.path.insert(0, os.path.dirname(__file__))
from common import System, free_port, main, wait_for
from machine import PKI, enter

enter(("ours.test", "mx.good.test", "mx.plain.test", "mx.bad.test", "mx.quiet.test", "mx.sts.test"))
from dnslib import QTYPE, RCODE, RR, DNSRecord

DOMAINS = ("good", "plain", "bad", "quiet", "wrong", "expired", "sts")
#: How many seconds are a day here.
PERIOD = 15
#: Where reports may be posted to: an address that is not this machine's own, as far as anybody can see.
WEB = "192.0.2.80"
#: Where a domain wants them, besides mail: a server, one that is busy at first, this machine, one that knows nothing of it.
URLS = {"good": "https://web.good.test/tlsrpt?x=y", "plain": "https://web.plain.test/busy", "bad": "https://mx.bad.test/", "wrong": "https://web.wrong.test/gone"}
STS = ["version: STSv1", "mode: enforce"]


def name_server():
    """MX, A and TXT records of DOMAINS; all but quiet.test want reports."""
    zone = {}
    for domain in DOMAINS:
        zone[f"{domain}.test", "MX"] = f"10 mx.{domain}.test."
        zone[f"mx.{domain}.test", "A"] = "127.0.0.1"
        zone[f"web.{domain}.test", "A"] = WEB
        places = ",".join([f"mailto:tls-reports@{domain}.test", *([URLS[domain]] if domain in URLS else [])])
        zone[f"_smtp._tls.{domain}.test", "TXT"] = f'"v=TLSRPTv1; rua={places}"'
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


class Web(http.server.BaseHTTPRequestHandler):
    """Takes reports; by their paths."""
    reports, asked = collections.defaultdict(list), collections.Counter()

    def do_POST(self):
        self.asked[self.path] += 1
        assert self.headers["Content-Type"] == "application/tlsrpt+gzip" and self.headers["Host"].startswith("web."), self.headers
        report = json.loads(gzip.decompress(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.path == "/gone":
            return self.send_error(404)
        if self.path == "/busy" and self.asked[self.path] == 1:
            return self.send_error(503)
        self.reports[self.path].append(report)
        self.send_response(201)
        self.end_headers()

    def log_message(self, *_):
        pass

    @classmethod
    def start(cls):
        subprocess.run(["ip", "address", "add", f"{WEB}/32", "dev", "lo"], check=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PKI / "bad.pem", PKI / "bad.key")
        server = http.server.ThreadingHTTPServer((WEB, 443), cls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()


RESULTS = {"starttls-not-supported", "certificate-host-mismatch", "certificate-expired", "certificate-not-trusted", "validation-failure", "tlsa-invalid",
           "dnssec-invalid", "dane-required", "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"}


def valid(report):
    """A report as RFC 8460 section 4.4 has it."""
    assert set(report) == {"organization-name", "date-range", "contact-info", "report-id", "policies"}, report
    assert set(report["date-range"]) == {"start-datetime", "end-datetime"} and report["policies"], report
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time) for time in report["date-range"].values()), report
    assert all(isinstance(report[name], str) and report[name] for name in ("organization-name", "contact-info", "report-id")), report
    for entry in report["policies"]:
        policy, counts, details = entry["policy"], entry["summary"], entry.get("failure-details", [])
        assert set(entry) <= {"policy", "summary", "failure-details"} and set(policy) <= {"policy-type", "policy-string", "policy-domain", "mx-host"}, entry
        assert policy["policy-type"] in ("tlsa", "sts", "no-policy-found") and isinstance(policy["policy-domain"], str), entry
        assert all(isinstance(policy[name], list) for name in ("policy-string", "mx-host") if name in policy), entry
        assert set(counts) == {"total-successful-session-count", "total-failure-session-count"} and all(type(n) is int for n in counts.values()), entry
        assert sum(detail["failed-session-count"] for detail in details) == counts["total-failure-session-count"], entry
        for detail in details:
            assert detail["result-type"] in RESULTS and all(isinstance(v, str) for name, v in detail.items() if name != "failed-session-count"), entry
    return report


class Ours(System):
    def __init__(self, ports):
        # One smtp line for each server: all of them are this machine, on other ports, and good.test has to prove who it is.
        ways = " ".join(f"{{{domain}.test={domain}:{domain}.test:{ports[domain]}}}" for domain in DOMAINS)
        levels = {"good": "secure", "plain": "may", "bad": "secure", "quiet": "may", "wrong": "secure", "expired": "secure", "sts": "may"}
        lines = "".join(f"{domain} unix - - n - - smtp\n  -o smtp_tls_security_level={level}\n" for domain, level in levels.items())
        # As a policy server for MTA-STS answers.
        strings = " ".join(f"{{policy_string = {line}}}" for line in STS)
        lines += f"  -o {{smtp_tls_policy_maps = static:{{secure match=mx.sts.test policy_type=sts policy_domain=sts.test mx_host_pattern=mx.sts.test {strings}}}}}\n"
        super().__init__(dict(myhostname="ours.test", mydomain="ours.test", transport_maps=f"inline:{{{ways}}}", smtp_tlsrpt_enable="yes",
                              smtp_tls_CAfile=PKI / "ca.pem", smtp_tls_security_level="may", smtp_tls_secure_cert_match="hostname",
                              tlsrpt_report_interval=f"{PERIOD}s", tlsrpt_report_delay="1s", tlsrpt_organization_name="Ours, of course",
                              tlsrpt_contact_info="tls@ours.test"), lines)


def certificate_of_nobody():
    return certificate("bad", "-x509 -days 30")


def certificate(name, how):
    key, pem = PKI / f"{name}.key", PKI / f"{name}.pem"
    subprocess.run(f"openssl req -newkey rsa:2048 -nodes -keyout {key} -out {pem} -subj /CN=mx.{name}.test {how}", shell=True, check=True, stderr=subprocess.DEVNULL)
    return f"-o smtpd_tls_security_level=may -o smtpd_tls_cert_file={pem} -o smtpd_tls_key_file={key}"


def certificate_of_yesterday():
    options = certificate("expired", "")
    (PKI / "expired.ext").write_text("basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:mx.expired.test\n")
    subprocess.run("openssl x509 -req -in expired.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days -1 -extfile expired.ext -out signed && mv signed expired.pem",
                   shell=True, check=True, cwd=PKI, stderr=subprocess.DEVNULL)
    return options


def theirs(ports):
    """One system that plays the servers of all domains."""
    encrypted = f"-o smtpd_tls_security_level=may -o smtpd_tls_cert_file={PKI}/cert.pem -o smtpd_tls_key_file={PKI}/key.pem"
    options = {"good": encrypted, "plain": "-o smtpd_tls_security_level=none", "bad": certificate_of_nobody(), "quiet": encrypted,
               "wrong": encrypted, "expired": certificate_of_yesterday(), "sts": encrypted}
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
        Web.start()
        for domain in ("good", *DOMAINS):
            send(ours, domain)
        log = ours.log()
        success, failure = "TLSRPT: status=success, domain={0}.test, receiving_mx=mx.{0}.test[127.0.0.1]", "TLSRPT: status=failure, domain={0}.test, receiving_mx=mx.{0}.test[127.0.0.1], failure_type="
        for domain, line in {"good": success, "sts": success, "plain": failure + "starttls_not_supported", "bad": failure + "validation_failure, failure_reason=self-signed_certificate",
                             "wrong": failure + "certificate_host_mismatch", "expired": failure + "certificate_expired, failure_reason=certificate_has_expired"}.items():
            assert line.format(domain) in log, (domain, log)
        assert "domain=quiet.test" not in log, log
        # What has been counted outlives a restart.
        ours.stop()
        wait_for(lambda: not ours.processes() or not pathlib.Path(f"/proc/{ours.processes()[0]}").exists(), "the end", ours)
        kept = json.loads((ours.home / "data/tlsrpt.json").read_text())
        assert any("good.test" in period["domains"] for period in kept["periods"].values()), kept
        ours.start()
        reporting = [domain for domain in DOMAINS if domain != "quiet"]
        for domain in reporting:
            wait_for(lambda: them.maildir(domain), f"a report for {domain}.test", ours)
        got = {domain: [valid(report) for report in reports(them, domain)] for domain in reporting}
        for domain, all_of_them in got.items():
            for report in all_of_them:
                assert report["organization-name"] == "Ours, of course" and report["contact-info"] == "tls@ours.test", report
                policy = {"policy-type": "no-policy-found", "policy-domain": f"{domain}.test"}
                if domain == "sts":
                    policy = {"policy-type": "sts", "policy-domain": "sts.test", "policy-string": STS, "mx-host": ["mx.sts.test"]}
                assert [entry["policy"] for entry in report["policies"]] == [policy], report
        first = {domain: all_of_them[0]["policies"][0] for domain, all_of_them in got.items()}
        for domain in ("good", "sts"):
            assert first[domain]["summary"]["total-failure-session-count"] == 0 and "failure-details" not in first[domain], first
            assert first[domain]["summary"]["total-successful-session-count"] >= 1, first
        for domain, result in {"plain": "starttls-not-supported", "wrong": "certificate-host-mismatch", "expired": "certificate-expired", "bad": "validation-failure"}.items():
            assert first[domain]["failure-details"][0]["result-type"] == result, first
        failure = first["bad"]["failure-details"][0]
        assert failure["failure-reason-code"] == "self-signed_certificate", failure
        assert failure["receiving-mx-hostname"] == "mx.bad.test" and failure["receiving-ip"] == failure["sending-mta-ip"] == "127.0.0.1", failure
        assert failure["receiving-mx-helo"] == "theirs.test" and failure["failed-session-count"] >= 1, failure
        # The reports themselves went where TLS does not work, and are not reported about.
        assert "TLS report for bad.test sent to <tls-reports@bad.test>" in ours.log() and not them.maildir("quiet"), ours.log()
        posted(ours, them, got)


def posted(ours, them, got):
    """The same reports at web servers, whatever their certificates are like; again where one is busy; not where a domain has no business."""
    wait_for(lambda: Web.reports["/tlsrpt?x=y"], "a report by HTTPS", ours)
    first = Web.reports["/tlsrpt?x=y"][0]
    assert valid(first) in got["good"], (first, got)
    for said in (f"TLS report for good.test sent to {URLS['good']}", f"TLS report for wrong.test not sent to {URLS['wrong']}: the server says: HTTP/1.0 404 Not Found",
                 f"TLS report for plain.test to {URLS['plain']}: the server says: HTTP/1.0 503 Service Unavailable: once more later",
                 f"TLS report for bad.test to {URLS['bad']}: mx.bad.test has no public address: once more later"):
        wait_for(lambda: said in ours.log(), said, ours)
    wait_for(lambda: Web.reports["/busy"], "a report for the server that was busy", ours)
    assert valid(Web.reports["/busy"][0])["policies"][0]["failure-details"][0]["result-type"] == "starttls-not-supported"
    # The mail is not sent again for that.
    ids = [report["report-id"] for report in reports(them, "plain")]
    assert len(ids) == len(set(ids)), ids


if __name__ == "__main__":
    main(handshakes_are_reported)
