"""check_…_mx_access, check_…_ns_access and check_…_a_access: hosts and addresses of servers, exceptions, names that do not exist."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "mail.client.example"); t.dns("mail.client.example", "A", STRANGER); t.dns("mail.client.example", "MX", "10 mx.bad.example"); t.dns("client.example", "NS", "ns.bad.example.")
    t.dns("bad.example", "MX", "10 mx.bad.example"); t.dns("mx.bad.example", "A", "10.0.0.1"); t.dns("bad.example", "NS", "ns.bad.example."); t.dns("ns.bad.example", "A", "10.0.0.2"); t.dns("bad.example", "A", "10.0.0.3")
    t.dns("two.example", "MX", "10 ok.two.example", "20 mx.bad.example"); t.dns("ok.two.example", "A", "10.9.9.9"); t.dns("null.example", "MX", "0 ."); t.dns("a.example", "A", "10.0.0.3"); t.dns("broken.example", "MX", "SERVFAIL"); t.dns("broken.example", "NS", "SERVFAIL")
    t.dns("lost.example", "MX", "10 gone.lost.example"); t.dns("sub.deep.bad.example", "A", "10.5.5.5"); t.dns("good.example", "MX", "10 mx.good.example"); t.dns("mx.good.example", "A", "10.4.4.4"); t.dns("num.example", "MX", "10 10.0.0.1")
    t.file("hosts", "mx.bad.example REJECT bad exchanger\nns.bad.example 450 4.7.9 bad name server\n10.0.0.3 REJECT bad address\n10.9.9.9 DUNNO\n10.4 OK\n10.0.0.1 REJECT number\n")
    subjects = ("client", "reverse_client_hostname", "helo", "sender", "recipient"); kinds = ("mx", "ns", "a")
    words = [f"check_{s}_{k}_access" for s in subjects for k in kinds]
    P = ports(t, *[{"smtpd_recipient_restrictions": f"{w} texthash:/etc/postfix/hosts, permit"} for w in words])
    t.main(smtpd_relay_restrictions="reject_unauth_destination", relay_domains="bad.example two.example"); t.start()
    for w, port in zip(words, P):
        t.title(w); talk(t, "MAIL FROM:<u@bad.example>", "RCPT TO:<u@bad.example>", port=port, helo="EHLO bad.example")
    for k in kinds:
        port = P[words.index(f"check_sender_{k}_access")]; t.title(f"sender, {k}")
        for d in ("two.example", "null.example", "a.example", "broken.example", "lost.example", "sub.deep.bad.example", "good.example", "num.example", "absent.example", "[10.0.0.3]", "[10.0.0.4]", "[IPv6:::1]", "x.y.absent.test"):
            t.note(d); talk(t, f"MAIL FROM:<u@{d}>", "RCPT TO:<alice@example.test>", port=port)
        talk(t, "MAIL FROM:<>", "RCPT TO:<alice@example.test>", port=port)
    t.log("reject|warning")
