"""reject_unknown_sender_domain, reject_unknown_recipient_domain and reject_unknown_helo_hostname for every state of DNS: MX, addresses only, aliases, null MX, nothing, no answer, literals."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


NAMES = ["mx.example", "a.example", "alias.example", "null.example", "empty.example", "gone.invalid", "sf.example", "mxsf.example", "deadmx.example", "loop1.example", "[192.0.2.7]", "[bogus]", "localhost", "example.test", "aaaa.example", "aliasgone.example", "sub.a.example", "192.0.2.7"]


def run(t):
    t.dns("mx.example", "MX", "10 host.example"); t.dns("host.example", "A", "192.0.2.50"); t.dns("a.example", "A", "192.0.2.51"); t.dns("alias.example", "CNAME", "a.example"); t.dns("null.example", "MX", "0 ."); t.dns("null.example", "A", "192.0.2.52"); t.dns("empty.example", "TXT", '"x"')
    for k in ("A", "MX", "AAAA"): t.dns("sf.example", k, "SERVFAIL")
    t.dns("mxsf.example", "MX", "SERVFAIL"); t.dns("mxsf.example", "A", "192.0.2.53"); t.dns("deadmx.example", "MX", "10 gone.invalid"); t.dns("aaaa.example", "AAAA", "2001:db8::5"); t.dns("aliasgone.example", "CNAME", "gone.invalid")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_relay_restrictions="check_recipient_access static:OK, reject_unauth_destination")
    words = ["reject_unknown_sender_domain", "reject_unknown_recipient_domain", "reject_unknown_helo_hostname"]
    P = ports(t, *[{"smtpd_recipient_restrictions": w} for w in words], {"smtpd_recipient_restrictions": "reject_unknown_sender_domain", "inet_protocols": "all"}, {"smtpd_recipient_restrictions": ", ".join(words), "unknown_address_reject_code": "550", "unknown_hostname_reject_code": "550"}); t.start()
    for what, p in zip(words + ["both protocols", "550"], P):
        t.title(what)
        for n in NAMES:
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, f"EHLO {n}"); out = [ask(s, f"MAIL FROM:<u@{n}>"), ask(s, f"RCPT TO:<u@{n}>"), ask(s, "RCPT TO:<alice@example.test>")]
            t.note(f"{n}: " + " | ".join("ok" if o[0] == "2" else o for o in out)); ask(s, "QUIT"); s.close()
        talk(t, "MAIL FROM:<>", "RCPT TO:<alice@example.test>", "RSET", "MAIL FROM:<alice>", "RCPT TO:<bob>", port=p)
    t.log("warning", drop=("localhost", "trivial-rewrite"))
