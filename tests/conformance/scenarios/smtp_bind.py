"""smtp client: the address that connections come from: smtp_bind_address, an address that is not ours, smtp_bind_address_enforce, the only interface."""
import pathlib, subprocess, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *


def run(t):
    steady(t); t.dns("mail.site.example", "A", "203.0.113.10"); t.dns("six.site.example", "AAAA", "fd00::10"); lines, peers = "", {}
    subprocess.run("ip addr add fd00::10/128 dev lo nodad; ip addr add fd00::11/128 dev lo nodad", shell=True)
    ways = {"usual": "", "bound": "-o smtp_bind_address=198.51.100.7", "brackets": "-o smtp_bind_address=[198.51.100.7]", "foreign": "-o smtp_bind_address=192.0.2.99", "enforced": "-o smtp_bind_address=192.0.2.99 -o smtp_bind_address_enforce=yes", "only": "-o inet_interfaces=198.51.100.7", "onlyname": "-o inet_interfaces=198.51.100.7 -o smtp_bind_address=203.0.113.15", "loopback": "-o inet_interfaces=127.0.0.1", "other": "-o smtp_bind_address6=fd00::11"}
    for i, (n, how) in enumerate(ways.items()): peers[n] = t.sink("203.0.113.10", 2500 + i, name="mail.site.example"); t.master(f"{n} unix - - n - - smtp\n  {how}"); lines += f"{n}.example {n}:[mail.site.example]:{2500 + i}\n"
    six = {"six": "", "sixbound": "-o smtp_bind_address6=fd00::11", "sixforeign": "-o smtp_bind_address6=fd00::99 -o smtp_bind_address_enforce=yes", "sixfour": "-o smtp_bind_address=198.51.100.7"}
    for i, (n, how) in enumerate(six.items()): t.master(f"{n} unix - - n - - smtp\n  -o inet_protocols=all {how}"); lines += f"{n}.example {n}:[six.site.example]:{2600 + i}\n"
    t.main(transport_maps="texthash:/etc/postfix/tr"); t.file("tr", lines); t.start()
    for n in [*ways, *six]: t.send("a@example.test", f"b@{n}.example")
    t.drain(); t.log("postfix/smtp: .*(status=|warning|fatal)")
    for n, s in peers.items(): t.note(f"{n}: from {s.peers}")
