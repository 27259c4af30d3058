"""How many deliveries run at a time: initial_destination_concurrency, its limit, processes of a service; how the number grows with success, for each feedback."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import waiting


def run(t):
    waiting.calm(t); rows = ""
    t.file("one.sh", "cat >/dev/null; n=$(ls -d /tmp/$1.* 2>/dev/null | wc -l); while ! mkdir /tmp/$1.$n 2>/dev/null; do n=$((n+1)); done; while [ $n -ge $(cat /tmp/step.$1) ]; do sleep 0.1; done\n", mode=0o755)
    table = {"usual": {}, "one": dict(destination_concurrency_limit="1"), "three": dict(destination_concurrency_limit="3"), "initial": dict(initial_destination_concurrency="2"), "slower": dict(destination_concurrency_positive_feedback="1/3", initial_destination_concurrency="2"), "malformed": dict(destination_concurrency_positive_feedback="2/x", initial_destination_concurrency="2"), "toomuch": dict(destination_concurrency_positive_feedback="2", destination_concurrency_negative_feedback="1/", initial_destination_concurrency="1"), "bynumber": dict(destination_concurrency_positive_feedback="1/concurrency", initial_destination_concurrency="2"), "process": {}, "unlimited": dict(destination_concurrency_limit="0", initial_destination_concurrency="9")}
    for n, more in table.items():
        t.master(f"{n} unix - n n - {'2' if n == 'process' else '-'} pipe user=alice argv=/bin/sh /etc/postfix/one.sh {n}"); t.main(**{f"{n}_{k}": v for k, v in {"destination_recipient_limit": "50", **more}.items()}); rows += f"{n}.example {n}:\n"; pathlib.Path(f"/tmp/step.{n}").write_text("0")
    t.file("tr", rows); t.main(transport_maps="texthash:/etc/postfix/tr"); t.start()
    for n in table:
        for k in range(16): t.send("", [f"u{k}@{n}.example"])
    seen = {n: [] for n in table}
    for step in (0, 1, 2, 3, 4, 99):
        time.sleep(0.8)
        for n in table: seen[n].append(len(list(pathlib.Path("/tmp").glob(f"{n}.*"))))
        if step == 0: continue
        for n in table: pathlib.Path("/tmp/new").write_text(str(step)); pathlib.Path("/tmp/new").rename(f"/tmp/step.{n}")
    t.drain()
    t.log("feedback")
    for n in table: t.note(f"{n}: started before anything is done, and after the first 1, 2, 3 and 4: {seen[n][1:]}")
