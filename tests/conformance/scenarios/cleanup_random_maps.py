"""Random canonical, virtual alias, masquerading, bcc and relocated tables on random addresses: what is delivered to whom, with which headers."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *
from chance import *

USERS, DOMAINS = ["joe", "ann", "bob+x", "joe+y", "all", "root", "", "a.b", '"q r"'], ["a.example", "b.example", "host.a.example", "example.test", "foo.example.test", "c.example"]


def run(t):
    r = Chance(12)
    def address(): return f"{r.choice(USERS[:6])}@{r.choice(DOMAINS)}"
    def key(): return r.choice([address, lambda: r.choice(USERS[:6]), lambda: "@" + r.choice(DOMAINS)])()
    def value(): return r.choice([address, address, lambda: r.choice(USERS[:5]), lambda: "@" + r.choice(DOMAINS)])()
    def table(name, many): t.file(name, "".join(f"{k}\t{v}\n" for k, v in {key(): ", ".join(value() for _ in range(r.choice([1, 1, 1, 2, 3]) if many else 1)) for _ in range(9)}.items()))
    for name in ("canon", "send", "rcpt", "bccs", "bccr"): table(name, False)
    table("virt", True); T = "texthash:/etc/postfix/"
    hop = catch(t, smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", recipient_delimiter="+", canonical_maps=T + "canon", sender_canonical_maps=T + "send", recipient_canonical_maps=T + "rcpt", virtual_alias_maps=T + "virt", virtual_alias_domains="c.example", sender_bcc_maps=T + "bccs", recipient_bcc_maps=T + "bccr", masquerade_domains="a.example !host.a.example b.example", masquerade_exceptions="root", relay_domains="a.example b.example host.a.example", smtpd_client_connection_count_limit="0", virtual_alias_recursion_limit="20", virtual_alias_expansion_limit="50")
    t.start(); ids = {}
    for i in range(70):
        frm = address() if r.maybe(.9) else ""; to = [address() for _ in range(r.choice([1, 1, 2, 3]))]; got = mail(t, f"X-Id: {i}\nFrom: N <{frm or 'x'}>\nTo: {', '.join(to)}\nCc: {address()}, {r.choice(USERS)}\nReply-To: {address()}\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nMessage-Id: <one@z.example>\n\nx\n", frm=frm, to=to); t.note(f"{i} <{frm}> {to}: {got.split(' queued')[0]}")
    t.drain(40); import re
    def number(m): return int(re.search(rb"X-Id: (\d+)", m)[1])
    for m in sorted(hop.messages, key=lambda m: (number(m), m)): t.note(" / ".join(l for l in m.decode("utf-8", "replace").replace("\r\n", "\n").split("\n") if re.match(r"X-Id|RCPT|MAIL|From|To|Cc|Reply", l)))
    t.note("\n".join(sorted(l for s in hop.sessions for l in s if l.startswith("MAIL")))); without_numbers(t); t.log("cleanup: .*(warning|error)|smtpd: .*reject", drop=("localhost",))
