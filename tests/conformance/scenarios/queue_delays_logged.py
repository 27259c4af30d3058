"""delay_logging_resolution_limit, delays= and its four parts when mail waits, and orig_to: what the line of a delivery says, in each agent."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import re


def run(t):
    shown = {}
    for digits in ("0", "1", "3", "6"):
        t.master(f"d{digits} unix - n n - - local\n  -o delay_logging_resolution_limit={digits}\nv{digits} unix - - n - - smtp\n  -o delay_logging_resolution_limit={digits}\np{digits} unix - n n - - pipe\n  -o delay_logging_resolution_limit={digits} user=alice argv=/bin/sh -c cat>/dev/null;sleep${{space}}1.26")
    t.sink("203.0.113.10"); t.file("tr", "".join(f"{a}{d}.example {a}{d}:{'[203.0.113.10]' if a == 'v' else ''}\n" for a in "dvp" for d in "0136")); t.main(transport_maps="texthash:/etc/postfix/tr", local_recipient_maps="", mydestination="$myhostname, example.test, " + ", ".join(f"d{d}.example" for d in "0136"), smtp_connection_cache_on_demand="no"); t.start()
    for a in "dv": 
        for d in "0136": t.send("", [f"alice@{a}{d}.example"])
    t.drain()
    for l in t.logs:
        m = re.search(r"to=<alice@(\w\d)\.example>.* delay=([\d.]+), delays=([\d./]+),", l)
        if m: shown[m.group(1)] = (max(len(x.partition(".")[2]) for x in (m.group(2), *m.group(3).split("/"))) <= int(m.group(1)[1]), m.group(3).count("/"))
    for k in sorted(shown): t.note(f"{k}: within the limit {shown[k][0]}, separators {shown[k][1]}")
