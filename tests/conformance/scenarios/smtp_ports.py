"""Where smtp(8) connects to: smtp_tcp_port, names of services, several next hops in one entry, addresses in brackets, relayhost with a port, and what is said when nothing answers."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); sinks = {p: t.sink("203.0.113.10", p, name=f"on{p}") for p in (25, 2525, 587, 2626)}; t.dns("mail.site.example", "A", "203.0.113.10"); t.dns("site.example", "MX", "10 mail.site.example"); t.dns("dead.site.example", "A", "203.0.113.19")
    t.master("port unix - - n - - smtp -o smtp_tcp_port=2525\nnamed unix - - n - - smtp -o smtp_tcp_port=submission\nwrong unix - - n - - smtp -o smtp_tcp_port=nosuchservice")
    ways = {"plain": "smtp:[mail.site.example]", "port": "port:[mail.site.example]", "portmx": "port:site.example", "explicit": "port:[mail.site.example]:2626", "named": "named:[mail.site.example]", "byname": "smtp:[mail.site.example]:submission", "wrong": "wrong:[mail.site.example]", "wrongname": "smtp:[mail.site.example]:nosuchservice", "zero": "smtp:[mail.site.example]:0", "high": "smtp:[mail.site.example]:70000", "list": "smtp:[dead.site.example]:2626, [mail.site.example]:2626", "list2": "smtp:nosuch.site.example, site.example:2525", "empty": "smtp:[]", "literal": "smtp:[203.0.113.10]:2525", "bare": "smtp:203.0.113.10", "six": "smtp:[IPv6:fd00::1]:25", "spaces": "smtp: [mail.site.example] : 2525"}
    t.file("tr", "".join(f"{n}.example {w}\n" for n, w in ways.items())); t.main(transport_maps="texthash:/etc/postfix/tr"); t.start()
    onward.each(t, "", [f"u@{n}.example" for n in ways]); t.log("status=", "warning", "fatal", drop=("throttling", "exit status", "malformed response", "unknown mail transport error"))
