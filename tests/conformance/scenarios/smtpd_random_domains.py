"""Random zones and the checks that ask for them: MX, addresses, aliases, null MX, failures, name servers, in every check of sender and recipient domains."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from chance import *
from middle import once


def run(t):
    r = Chance(14); n = 24
    for i in range(n):
        d = f"d{i}.example"
        for kind, values in (("MX", [["10 m%d.example" % r.randint(0, n), "20 d%d.example" % r.randint(0, n)], ["0 ."], ["SERVFAIL"], ["10 nx.nowhere"], ["10 192.0.2.9"], ["10 m1.example"]]), ("A", [["203.0.113.%d" % r.randint(1, 5)], ["SERVFAIL"], ["127.0.0.1"]]), ("NS", [["m%d.example." % r.randint(0, 5)], ["SERVFAIL"], ["nx.nowhere."]]), ("CNAME", [["d%d.example" % r.randint(0, n)]])):
            if r.maybe({"MX": .6, "A": .6, "NS": .5, "CNAME": .1}[kind]): t.dns(d, kind, *r.choice(values))
        if r.maybe(.7): t.dns(f"m{i}.example", "A", f"203.0.113.{r.randint(1, 5)}")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", smtpd_relay_restrictions="permit"); t.file("s", "203.0.113.1 REJECT one\n203.0.113.2 OK\n203.0.113 450 net\nm1.example REJECT m1\nm2.example DUNNO\nm3.example OK\nexample WARN top\n127.0.0.1 REJECT loop\n")
    T = "texthash:/etc/postfix/s"; words = ["reject_unknown_sender_domain", "reject_unknown_recipient_domain", f"check_sender_mx_access {T}", f"check_sender_ns_access {T}", f"check_sender_a_access {T}", f"check_recipient_mx_access {T}", f"check_recipient_ns_access {T}", f"check_recipient_a_access {T}"]
    P = ports(t, *[{"smtpd_recipient_restrictions": f"{w}, reject"} for w in words]); t.start()
    for w, p in zip(words, P):
        t.title(w)
        for i in r.sample(range(n), 14): session(t, ["EHLO c.example", f"MAIL FROM:<a@{'sub.' if r.maybe(.2) else ''}d{i}.example>", f"RCPT TO:<b@d{r.choice([i, r.randint(0, n)])}.example>"], port=p, cut=3)
    time.sleep(0.5); once(t, "smtpd: .*(NOQUEUE|warning)")
