"""In which forms addresses and names are looked up in access tables, and in which order; the null sender's key; strict_... and case; tables that give the keys away."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.file("log", "/^(.*)$/ INFO asked for $1\n"); t.file("low", "<> REJECT null\nnull.key REJECT own null key\nMixed@Z.Example REJECT mixed never\nmixed@z.example REJECT lower\n")
    t.file("tree", "z.example REJECT z\n.y.example REJECT below y\nuser@ REJECT user\nuser@w.example OK\n[192.0.2.7] REJECT literal\nexample REJECT tld\n10.0.0.1 REJECT ip\n")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", recipient_delimiter="+-", smtpd_sasl_auth_enable="no", smtpd_relay_restrictions="check_recipient_access static:OK, reject_unauth_destination", smtpd_reject_unlisted_recipient="no", canonical_maps="inline:{old@z.example=user@w.example}")
    probe = "check_sender_access tcp:127.0.0.1:9971"; asked = []
    import threading
    l = socket.create_server(("127.0.0.1", 9971))
    def serve(c):
        for line in c.makefile("rb"): asked.append(line.decode().strip()); c.sendall(b"500 none\n")
    def accept():
        while True: c, _ = l.accept(); threading.Thread(target=serve, args=(c,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    tcp = "tcp:127.0.0.1:9971"
    P = ports(t, {"smtpd_recipient_restrictions": f"check_client_access {tcp}, check_reverse_client_hostname_access {tcp}, check_helo_access {tcp}, check_sender_access {tcp}, check_recipient_access {tcp}"}, {"smtpd_recipient_restrictions": f"check_sender_access {tcp}, check_recipient_access {tcp}", "parent_domain_matches_subdomains": ""},
              {"smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/low"}, {"smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/low", "smtpd_null_access_lookup_key": "null.key"}, {"smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/tree"}, {"smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/tree", "parent_domain_matches_subdomains": ""},
              {"smtpd_sender_restrictions": "check_sender_access regexp:/etc/postfix/log", "smtpd_client_restrictions": "check_client_access regexp:/etc/postfix/log, check_client_access cidr:{{198.51.100.0/24 INFO in net} {::/0 REJECT six}}"}); t.start()
    for p in P[:2]:
        for f, to, helo in (("u+ext@sub.z.example", "alice+x-y@example.test", "he.lo.example"), ("", "bob", "[192.0.2.7]"), ('"a b"@z.example', "u@[192.0.2.1]", "x"), ("alice", "old@z.example", "10.0.0.1"), ("<@route.example:u@z.example", "a%far.example@example.test", "A.B.C")):
            asked.clear(); s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, f"EHLO {helo}"); r = ask(s, f"MAIL FROM:<{f.lstrip('<')}>"), ask(s, f"RCPT TO:<{to}>"); ask(s, "QUIT"); s.close()
            t.note(f"port {p}, {f} {to} {helo}: {' | '.join(r)}"); [t.note("  " + a) for a in asked]
    for p in P[2:]:
        t.title(f"port {p}")
        for f in ("", "mixed@z.example", "MIXED@Z.EXAMPLE", "user@w.example", "user+tag@v.example", "x@y.example", "x@a.b.y.example", "x@a.z.example", "x@[192.0.2.7]", "x@10.0.0.1", '"user"@v.example', '"us er"@v.example', "old@z.example", "user@v.example."):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); r = ask(s, f"MAIL FROM:<{f}>"), ask(s, "RCPT TO:<alice@example.test>"); t.note(f"<{f}>: " + " | ".join(r)); ask(s, "QUIT"); s.close()
    t.log("reject|warning|info:", drop=("localhost",))
