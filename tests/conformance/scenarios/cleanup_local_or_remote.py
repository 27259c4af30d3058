"""Who counts as local for header rewriting: local_header_rewrite_clients in each form, remote_header_rewrite_domain, append_dot_mydomain; addresses and missing headers in mail of both kinds."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *
from doors import *


def run(t):
    settings = [{"local_header_rewrite_clients": v, "remote_header_rewrite_domain": d} for v in ("permit_inet_interfaces", "permit_mynetworks", "static:all", "", "cidr:{{198.51.100.0/24 yes}}", "texthash:/etc/postfix/loc", "permit_sasl_authenticated, permit_tls_clientcerts", "nonsense") for d in ("", "domain.invalid")][:-1]
    t.file("loc", "198.51.100 yes\n203.0.113.11 yes\n")
    hop = catch(t, append_dot_mydomain="yes", canonical_maps="inline:{canon@example.test=changed@example.test}", masquerade_domains="big.example"); P = ports(t, *settings); t.start()
    for kw, p in zip(settings, P):
        t.title(" ".join(f"{v or '(none)'}" for v in kw.values()))
        for src in (STRANGER, "127.0.0.1"): mail(t, f"From: joe, joe@host, canon@example.test, x@a.big.example\nTo: one two, <three>, four%five\nSubject: {src}\n\nx\n", frm="canon@example.test", to="alice@example.test", src=src, port=p) if src == STRANGER else mail(t, f"From: joe, joe@host, x@a.big.example\nSubject: {src}\n\nx\n", frm="joe", to="alice", src=ME, port=p)
        t.drain()
        for m in sorted(hop.messages, key=lambda m: m.split(b"Subject: ")[1]): t.note(" | ".join(l for l in m.decode().replace("\r\n", "\n").split("\n") if l.split(":")[0] in ("From", "To", "Subject", "MAIL FROM", "RCPT TO") or l.startswith("\t") and "," in l))
        hop.messages.clear(); hop.sessions.clear()
    once(t, "smtpd: warning", "cleanup: warning")
