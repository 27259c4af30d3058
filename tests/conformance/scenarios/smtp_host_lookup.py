"""smtp_host_lookup native and dns, hosts file, disable_dns_lookups, smtp_dns_resolver_options, ignore_mx_lookup_error, smtp_defer_if_no_mx_address_found, address and session limits."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    s = t.sink("203.0.113.10", name="h.example")
    t.sh("echo 203.0.113.10 hosts.example infile.example >>/etc/hosts", quiet=True)
    t.dns("indns.example", "A", "203.0.113.10"); t.dns("broken.example", "MX", "SERVFAIL"); t.dns("broken.example", "A", "203.0.113.10"); t.dns("noaddr.example", "MX", "10 nowhere.noaddr.example")
    t.dns("many.example", "MX", *[f"{i} m{i}.many.example" for i in range(1, 8)])
    for i in range(1, 7): t.dns(f"m{i}.many.example", "A", "203.0.113.16")
    t.dns("m7.many.example", "A", "203.0.113.10")
    t.dns("sessions.example", "MX", "1 a.sessions.example", "2 b.sessions.example", "3 h.example"); t.dns("h.example", "A", "203.0.113.10"); t.dns("a.sessions.example", "A", "203.0.113.11"); t.dns("b.sessions.example", "A", "203.0.113.12")
    for i, n in ((11, "a"), (12, "b")): t.sink(f"203.0.113.{i}", name=f"{n}.sessions.example", script={"MAIL": "450 4.3.0 try another"})
    services = {"native": "smtp_host_lookup=native", "both": "smtp_host_lookup=dns,native", "nodns": "disable_dns_lookups=yes", "ignore": "ignore_mx_lookup_error=yes", "soft": "smtp_defer_if_no_mx_address_found=yes", "nolimit": "smtp_mx_address_limit=0", "three": "smtp_mx_session_limit=3"}
    rows = []
    for n, o in services.items(): t.master(f"{n} unix - - n - - smtp\n  -o {o}")
    cases = {"native": ("infile", "indns"), "both": ("infile", "indns"), "nodns": ("infile",), "ignore": ("broken",), "soft": ("noaddr",), "nolimit": ("many",), "three": ("sessions",), "smtp": ("infile", "many", "sessions", "noaddr", "broken")}
    for n, domains in cases.items():
        for d in domains: rows.append((f"{d}.{n}.test", f"{n}:{d}.example"))
    t.main(transport_maps="texthash:/etc/postfix/tr"); t.file("tr", "".join(f"{a} {b}\n" for a, b in rows))
    t.start()
    onward.each(t, "", [f"u@{a}" for a, _ in rows])
    t.log(r"postfix/(\w+/)?smtp: ", drop=("connect to m",)); t.showq()
