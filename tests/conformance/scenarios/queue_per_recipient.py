"""A recipient limit of one makes each recipient a destination, without its extension: what runs at the same time, and what a refusal of one means for the others."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import re
import waiting


def run(t):
    waiting.calm(t); t.main(recipient_delimiter="+", default_destination_concurrency_limit="1", transport_maps="texthash:/etc/postfix/tr", local_recipient_maps="")
    t.file("tr", "each.example each:\nsite.example site:\nmany.example many:next.example\n")
    t.file("one.sh", "cat >/dev/null; echo $1 >>/tmp/started; while [ ! -e /tmp/go ]; do sleep 0.1; done\n", mode=0o755)
    for n, more in {"each": "", "site": "", "many": ""}.items(): t.master(f"{n} unix - n n - - pipe user=alice argv=/bin/sh /etc/postfix/one.sh ${{recipient}}")
    t.main(each_destination_recipient_limit="1", many_destination_recipient_limit="1", many_destination_concurrency_limit="2", site_destination_recipient_limit="2"); pathlib.Path("/tmp/started").touch(); __import__("os").chmod("/tmp/started", 0o666); t.start()
    for n in ("each", "site", "many"): t.send("", [f"{u}@{n}.example" for u in ("a", "b", "a+x", "A+y", "c")]); t.send("", [f"a@{n}.example"])
    time.sleep(1.5); before = sorted(pathlib.Path("/tmp/started").read_text().split()); pathlib.Path("/tmp/go").touch(); t.drain(); t.note("at once: " + " ".join(sorted(re.sub(r"\+\w+", "", a.lower()) for a in before))); t.note("in the end: " + " ".join(sorted(pathlib.Path("/tmp/started").read_text().split())))
