"""Who is in mynetworks: lists, nets, tables, files, negation, names, mynetworks_style; permit_inet_interfaces, inet_interfaces and proxy_interfaces; what else depends on it."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.dns("12.113.0.203.in-addr.arpa", "PTR", "in.home.example"); t.dns("in.home.example", "A", "203.0.113.12"); t.file("nets", "203.0.113.13\n!203.0.113.14\n203.0.113.0/28\n"); t.file("nets.th", "203.0.113.15 ok\n203.0.113 ok\n"); t.file("nets.cidr", "!203.0.113.16/32 not\n203.0.113.16/30 ok\n")
    values = ["127.0.0.0/8", "203.0.113.0/29, 203.0.113.16", "!203.0.113.17, 203.0.113.0/24", "/etc/postfix/nets", "texthash:/etc/postfix/nets.th", "cidr:/etc/postfix/nets.cidr", ".home.example", "in.home.example", "203.0.113.12/33", "203.0.113.13/30", "[203.0.113.14]", "static:all", "203.0.113.10 203.0.113.11,203.0.113.12", ""]
    P = ports(t, *[{"mynetworks": v} for v in values], {"smtpd_relay_restrictions": "permit_inet_interfaces, reject_unauth_destination"}, {"proxy_interfaces": "203.0.113.19", "smtpd_relay_restrictions": "permit_inet_interfaces, reject_unauth_destination"}, {"mynetworks_style": "subnet"}, {"mynetworks_style": "host"}); t.start()
    for v, p in zip(values + ["interfaces", "proxy", "subnet", "host"], P):
        out = []
        for src in (*[f"203.0.113.{i}" for i in range(10, 20)], ME, "127.0.0.1"):
            s = t.smtp(src=src, dst="127.0.0.1" if src[:3] == "127" else ME, port=p, quiet=True); ask(s, "EHLO c.example"); ask(s, "MAIL FROM:<a@z.example>"); r = ask(s, "RCPT TO:<u@far.example>"); out.append(f"{src.split('.')[-1]}:{r[:3]}"); ask(s, "QUIT"); s.close()
        t.note(f"{v or '(none)'}: " + " ".join(out))
    once = sorted({t.norm(l) for l in t.logs if "warning" in l and "local" not in l.split(":")[0]}); t.note("\n".join(once))
