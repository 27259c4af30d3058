"""default_destination_rate_delay and default_transport_rate_delay: the pauses between deliveries to one destination, to several, and to the recipients of one message."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import waiting


def run(t):
    waiting.calm(t); t.file("one.sh", "cat >/dev/null; echo $(date +%s%N) $* >>/tmp/times\n", mode=0o755); rows = ""
    table = {"none": {}, "site": dict(destination_rate_delay="1s"), "each": dict(destination_rate_delay="1s", destination_recipient_limit="1"), "all": dict(transport_rate_delay="1s", destination_recipient_limit="1"), "wide": dict(destination_rate_delay="1s", destination_concurrency_limit="5")}
    for n, more in table.items():
        t.master(f"{n} unix - n n - - pipe user=alice argv=/bin/sh /etc/postfix/one.sh {n} ${{domain}} ${{recipient}}"); t.main(**{f"{n}_{k}": v for k, v in {"destination_recipient_limit": "50", **more}.items()}); rows += f"x.{n}.example {n}:\ny.{n}.example {n}:\n"
    t.file("tr", rows); t.main(transport_maps="texthash:/etc/postfix/tr"); t.start()
    for n in table:
        t.send("", [f"a@x.{n}.example", f"b@x.{n}.example", f"c@y.{n}.example"]); t.send("", [f"d@x.{n}.example"])
    t.drain(timeout=25); took = {}
    for l in sorted(pathlib.Path("/tmp/times").read_text().splitlines()):
        at, n, site, *to = l.split(); took.setdefault(n, []).append((int(at) / 1e9, site, to))
    for n in table:
        t.note(f"{n}: {len(took[n])} deliveries, all within {round(took[n][-1][0] - took[n][0][0])} s")
        for site in sorted({s for _, s, _ in took[n]}):
            times = [a for a, s, _ in took[n] if s == site]; t.note(f"  {site}: pauses of {[round(b - a) for a, b in zip(times, times[1:])]} s")
