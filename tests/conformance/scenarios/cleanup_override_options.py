"""receive_override_options: each one and all together, on what canonical, virtual, bcc, masquerade, header checks, unknown users and milters would do."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *
from doors import *
from filters import Milter, add


def run(t):
    t.file("canon", "f@z.example canon@z.example\n"); t.file("virt", "r@z.example v1@z.example v2@z.example\n"); t.file("h.re", "/^Subject:/ PREPEND X-Checked: yes\n"); t.file("b.re", "/^secret/ REPLACE *****\n")
    Milter("127.0.0.1:9904", {"eom": [add("X-Milter", "seen"), ("c", b"")]})
    words = ["", "no_address_mappings", "no_header_body_checks", "no_milters", "no_unknown_recipient_checks", "no_address_mappings, no_header_body_checks, no_milters, no_unknown_recipient_checks", "nonsense"]
    hop = catch(t, canonical_maps="texthash:/etc/postfix/canon", virtual_alias_maps="texthash:/etc/postfix/virt", always_bcc="bcc@z.example", masquerade_domains="big.example", header_checks="regexp:/etc/postfix/h.re", body_checks="regexp:/etc/postfix/b.re", local_recipient_maps="inline:{alice=x}", smtpd_milters="inet:127.0.0.1:9904", smtpd_relay_restrictions="permit_auth_destination, permit_mynetworks, reject", relay_domains="z.example, rel.example", relay_recipient_maps="inline:{{r@z.example=x} {@rel.example=x}}")
    P = ports(t, *[{"receive_override_options": w} for w in words[:-1]]); t.start()
    for w, p in zip(words, P):
        t.title(w or "none"); s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); ask(s, "MAIL FROM:<f@z.example>")
        t.note(" | ".join(ask(s, f"RCPT TO:<{r}>") for r in ("r@z.example", "no-one@example.test", "u@far.example", "joe@sub.big.example", "no@z.example")))
        ask(s, "DATA"); quietly(t, s, f"From: joe@sub.big.example\nTo: f@z.example\nSubject: {w}\n\nsecret\n"); ask(s, "QUIT"); s.close(); t.drain(); hop.note(headers=("from", "to", "x-checked", "x-milter")); hop.sessions.clear(); hop.messages.clear()
    t.log("reject|cleanup.*(prepend|replace)", drop=("message-id",))
