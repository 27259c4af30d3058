"""resolve_null_domain, resolve_numeric_domain, resolve_dequoted_address, allow_untrusted_routing, allow_min_user, empty_address_recipient: addresses in the envelope that hang on them."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *


def run(t):
    hop = catch(t, smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", relay_domains="relay.example"); t.start()
    for kw in ({}, {"resolve_null_domain": "yes"}, {"resolve_numeric_domain": "yes"}, {"resolve_dequoted_address": "no"}, {"allow_untrusted_routing": "yes"}, {"allow_min_user": "yes"}, {"resolve_numeric_domain": "yes", "resolve_null_domain": "yes", "swap_bangpath": "no", "allow_percent_hack": "no"}, {"append_at_myorigin": "no"}, {"append_dot_mydomain": "no"}):
        t.title(str(kw)); base = dict(resolve_null_domain="no", resolve_numeric_domain="no", resolve_dequoted_address="yes", allow_untrusted_routing="no", allow_min_user="no", swap_bangpath="yes", allow_percent_hack="yes", append_at_myorigin="yes", append_dot_mydomain="yes"); t.main(**{**base, **kw}); t.reload(); hop.sessions.clear()
        for src in (STRANGER, "127.0.0.1"):
            s = t.smtp(src=src, dst=ME if src == STRANGER else "127.0.0.1", quiet=True); ask(s, "EHLO client.example.org"); ask(s, "MAIL FROM:<-s@z.example>"); out = []
            for r in ("user@", "user@192.0.2.1", "user@198.51.100.9", "user@[198.51.100.9]", '"a@far.example"@example.test', '"a%far.example"@example.test', "a%far.example@example.test", "a%far.example@relay.example", "far.example!a", "far.example!a@relay.example", "@relay.example:a@far.example", "-x@example.test", "-x@relay.example", "alice", "alice@foo", "alice@foo.", '""@example.test', "a@[IPv6:::1]", "a@256.1.1.1", "a@.example.test"):
                got = ask(s, f"RCPT TO:<{r}>"); out.append(f"  {r} -> {got}")
            t.note("\n".join(out)); ask(s, "DATA"); quietly(t, s, "Subject: x\n\nx\n"); ask(s, "QUIT"); s.close()
        t.drain(); t.note("\n".join(sorted(l for s in hop.sessions for l in s if l[:4] in ("MAIL", "RCPT"))))
