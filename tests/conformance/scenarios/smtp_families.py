"""smtp client: the order of IPv4 and IPv6 addresses: smtp_address_preference, smtp_mx_address_limit, smtp_balance_inet_protocols; one protocol alone."""
import pathlib, re, subprocess, sys, time; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *


def run(t):
    steady(t); subprocess.run("for i in 1 2 3 4 5 6 7 8; do ip addr add fd00::$i/128 dev lo nodad; done", shell=True)
    t.dns("mail.many.example", "A", "203.0.113.10", "203.0.113.11"); t.dns("mail.many.example", "AAAA", *(f"fd00::{i}" for i in range(1, 9))); t.dns("many.example", "MX", "10 mail.many.example")
    t.dns("four.example", "MX", "10 mail4.four.example", "20 mail6.four.example"); t.dns("mail4.four.example", "A", "203.0.113.12"); t.dns("mail6.four.example", "AAAA", "fd00::1")
    all6, ways = "-o inet_protocols=all -o smtp_randomize_addresses=no", {"ipv6": "-o smtp_address_preference=ipv6", "ipv4": "-o smtp_address_preference=ipv4", "limited": "-o smtp_address_preference=ipv6 -o smtp_mx_address_limit=3", "unbalanced": "-o smtp_address_preference=ipv6 -o smtp_mx_address_limit=3 -o smtp_balance_inet_protocols=no", "six": "-o smtp_address_preference=ipv4 -o smtp_mx_address_limit=6", "unlimited": "-o smtp_address_preference=ipv6 -o smtp_mx_address_limit=0", "onlyfour": "-o inet_protocols=ipv4 -o smtp_address_preference=ipv6"}
    lines, names = "", []
    for n, how in ways.items():
        t.master(f"{n} unix - - n - - smtp\n  {all6} {how}")
        for more, to in {"": "many.example", "mx": "four.example", "host": "[mail.many.example]"}.items(): names.append(n + more); lines += f"{n}{more}.test {n}:{to}:{2500 + len(names)}\n"
    t.main(transport_maps="texthash:/etc/postfix/tr"); t.file("tr", lines); t.start()
    for n in names: t.send("a@example.test", f"b@{n}.test")
    t.drain(); time.sleep(0.4)
    for i, n in enumerate(names): t.note(f"{n}: " + ", ".join(re.findall(rf"connect to \S+\[(\S+)\]:{2501 + i}: Connection refused", "\n".join(l for l in t.logs if "status=" not in l))))
    t.log("status=")
