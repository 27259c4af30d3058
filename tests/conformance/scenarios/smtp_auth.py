"""The SMTP client logs in: which credentials, which mechanism, and what is said when it fails."""


def run(t):
    users = {"joe": "secret", "own": "pw", "jane": "x:y"}
    sinks = {}
    for n, mechs in enumerate((("PLAIN", "LOGIN", "CRAM-MD5"), ("PLAIN", "LOGIN"), ("LOGIN",), ("GSSAPI",), ("CRAM-MD5",))):
        sinks[n] = t.sink(f"203.0.113.{10 + n}", auth=users, mechs=mechs)
    t.sink("203.0.113.15", ehlo=("AUTH", "SIZE")); t.sink("203.0.113.16")
    t.file("pw", "[203.0.113.10] joe:secret\n[203.0.113.11] jane:x:y\n203.0.113.12 joe:secret\n[203.0.113.13] joe:secret\n[203.0.113.14] joe:wrong\n"
           "[203.0.113.15] joe:secret\n[203.0.113.16] joe:secret\nown@example.test own:pw\nmx.dest.example own\n")
    t.main(smtp_sasl_auth_enable="yes", smtp_sasl_password_maps="texthash:/etc/postfix/pw", smtp_sasl_security_options="noanonymous", transport_maps="texthash:/etc/postfix/tr",
           smtp_sender_dependent_authentication="yes", smtp_connection_cache_on_demand="no")
    t.file("tr", "".join(f"d{n}.example smtp:[203.0.113.{10 + n}]\n" for n in range(7)) + "strict.example strict:[203.0.113.11]\nfilter.example filter:[203.0.113.10]\nnone.example filter:[203.0.113.12]\n"
           "hard.example hard:[203.0.113.14]\ndummy.example dummy:[203.0.113.10]\n")
    t.master("strict unix - - n - - smtp -o smtp_sasl_security_options=noplaintext,noanonymous\nfilter unix - - n - - smtp -o smtp_sasl_mechanism_filter=plain\n"
             "hard unix - - n - - smtp -o smtp_sasl_auth_soft_bounce=no\ndummy unix - - n - - smtp -o smtp_send_dummy_mail_auth=yes")
    t.start()
    for frm, to in [("a@example.test", f"u@d{n}.example") for n in range(7)] + [("own@example.test", "u@d1.example"), ("own@example.test", "u@d2.example"), ("a@example.test", "u@strict.example"),
                    ("a@example.test", "u@filter.example"), ("a@example.test", "u@none.example"), ("", "u@hard.example"), ("a@example.test", "u@dummy.example")]:
        t.send(frm, to); t.drain(); t.title(f"{frm} to {to}"); t.showq(); t.sh("postsuper -d ALL", quiet=True)
        for s in list(t.sinks.values()):
            for x in s.sessions: t.note("  " + " | ".join(str(l) for l in (x if isinstance(x, list) else [x])))
            s.sessions.clear()
    t.log(r"status=", "warning|SASL")
