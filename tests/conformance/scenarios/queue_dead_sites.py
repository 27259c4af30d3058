"""default_destination_concurrency_failed_cohort_limit and negative feedback: how often a site that refuses connections is tried before the rest of its mail waits."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import waiting


def run(t):
    waiting.calm(t); rows = ""; t.main(default_destination_concurrency_limit="1")
    table = {"usual": {}, "three": dict(destination_concurrency_failed_cohort_limit="3"), "never": dict(destination_concurrency_failed_cohort_limit="0"), "half": dict(destination_concurrency_failed_cohort_limit="2", destination_concurrency_negative_feedback="1/2")}
    for i, (n, more) in enumerate(table.items()):
        t.master(f"{n} unix - - n - - smtp"); t.main(**{f"{n}_{k}": v for k, v in more.items()}); t.dns(f"mail.{n}.example", "A", f"203.0.113.{10 + i}"); rows += f"{n}.example {n}:[mail.{n}.example]:2600\n"
    t.main(defer_transports=" ".join(table), transport_maps="texthash:/etc/postfix/tr"); t.file("tr", rows); t.start()
    for n in table:
        for k in range(8): t.send("", [f"u{k}@{n}.example"])
    t.drain(); t.logs.clear(); t.main(defer_transports=""); t.reload(); t.sh("postqueue -f"); t.drain()
    for n in table:
        lines = [l for l in t.logs if f"@{n}.example" in l and "status=" in l]
        t.note(f"{n}: {sum('refused)' in l and 'suspended' not in l for l in lines)} tried, {sum('suspended' in l for l in lines)} not")
    t.log("status=.*u7@usual", "status=.*u0@three")
