"""Forms of a next hop in transport_maps and relayhost: brackets, ports, service names, addresses, nonsense."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    s = t.sink("203.0.113.10", 2525, name="h.example"); s25 = t.sink("203.0.113.10", 25, name="h.example"); s587 = t.sink("203.0.113.10", 587, name="h.example")
    t.dns("h.example", "A", "203.0.113.10"); t.dns("d.example", "MX", "10 h.example")
    forms = {"f1": "[h.example]:2525", "f2": "[203.0.113.10]:2525", "f3": "h.example:2525", "f4": "203.0.113.10:2525", "f5": "d.example", "f6": "d.example:2525", "f7": "[d.example]", "f8": "[h.example]:submission",
             "f9": "[h.example]:", "f10": "[203.0.113.10]:1", "f12": "[nowhere.invalid]", "f13": "203.0.113.10"}
    t.main(transport_maps="texthash:/etc/postfix/tr"); t.file("tr", "".join(f"{n}.example smtp:{v}\n" for n, v in forms.items()))
    t.start()
    onward.each(t, "", [f"u@{n}.example" for n in forms])
    t.log(r"postfix/smtp: "); t.showq()
    for x in (s, s25, s587): t.note(f"{len(x.sessions)} sessions")
