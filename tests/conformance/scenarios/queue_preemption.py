"""What goes before a long list, and when: the order of deliveries, one at a time, for several values of the parameters of a transport."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting

CASES = {  # list, then messages behind it, each with so many recipients
    "shipped": ((40, 1, 2, 6, 1), {}),
    "cheap": ((40, 1, 2, 6, 1), dict(delivery_slot_cost="2")),
    "dear": ((40, 1, 2, 6, 1), dict(delivery_slot_cost="10", delivery_slot_loan="0", delivery_slot_discount="0")),
    "noloan": ((40, 1, 2, 6, 1), dict(delivery_slot_loan="0", delivery_slot_discount="0")),
    "discount": ((40, 1, 2, 6, 1), dict(delivery_slot_loan="0", delivery_slot_discount="100")),
    "off": ((20, 1, 1), dict(delivery_slot_cost="0")),
    "short": ((14, 1, 1), {}),
    "minimum": ((40, 1, 1), dict(minimum_delivery_slots="9")),
    "pairs": ((40, 2, 4, 12, 1), dict(destination_recipient_limit="2")),
    "nested": ((90, 17, 3, 1), dict(delivery_slot_cost="2", delivery_slot_loan="9", minimum_delivery_slots="1")),
}


def run(t):
    waiting.calm(t)
    t.main(local_recipient_maps="", transport_maps="texthash:/etc/postfix/transports")
    t.file("transports", "".join(f"{name}.example {name}:\n" for name in CASES))
    t.file("one.sh", "cat >/dev/null; case $2 in *,r00) while [ ! -e /tmp/go ]; do sleep 0.1; done;; esac; echo $2 >>/tmp/order.$1\n", mode=0o755)
    for name, (_, settings) in CASES.items():
        t.master(f"{name} unix - n n - 1 pipe user=alice argv=/bin/sh /etc/postfix/one.sh {name} ${{sender}},${{user}}")
        t.main(**{f"{name}_{k}": v for k, v in dict(dict(destination_recipient_limit="1", destination_concurrency_limit="1"), **settings).items()})
    t.main(smtpd_client_recipient_rate_limit="0", default_destination_concurrency_limit="1")
    t.start()
    for name, (counts, _) in CASES.items(): t.send("list@example.test", [f"r{i:02}@{name}.example" for i in range(counts[0])])
    time.sleep(0.5)
    for name, (counts, _) in CASES.items():
        for letter, n in zip("abcd", counts[1:]): t.send(f"{letter}@example.test", [f"x{k:02}@{name}.example" for k in range(n)])
    time.sleep(2); pathlib.Path("/tmp/go").touch()
    t.drain(timeout=60)
    for name in CASES:
        t.note(f"{name}: " + "".join(l[0].replace("l", "-") for l in delivered(name)))


def delivered(name):
    try: return pathlib.Path(f"/tmp/order.{name}").read_text().splitlines()
    except OSError: return []
