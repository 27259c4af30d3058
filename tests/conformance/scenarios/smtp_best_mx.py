"""best_mx_transport: what would loop goes to another transport, with its next hop or ours; what waits, and what is not a loop, does not."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    t.main(transport_maps="inline:{only.example=one:, list.example=two:, best.example=three:, gone.example=one:, error.example=four:, none.example=five:, worse.example=one:}")
    for n, to in (("one", "local"), ("two", "smtp:[203.0.113.10]"), ("three", "discard:quietly"), ("four", "error:5.1.2 not here"), ("five", "nosuch:")): t.master(f"{n} unix - - n - - smtp -o best_mx_transport={to.replace(' ', '')}" if " " not in to else f"{n} unix - - n - - smtp\n  -o {{ best_mx_transport = {to} }}")
    for d in ("only", "list", "best", "error", "none"): t.dns(f"{d}.example", "MX", "10 foo.example.test")
    t.dns("worse.example", "MX", "10 b.example", "20 foo.example.test"); t.dns("b.example", "A", "203.0.113.12")
    b = t.sink("203.0.113.10", name="b.example")
    t.start()
    onward.each(t, "x@client.example.org", ["alice@only.example", "nobody@only.example", "u@list.example", "u@best.example", "u@error.example", "u@gone.example", "u@worse.example"])
    t.log(r"status=", r"passing", r"loop", drop=(r"from=<>|orig_to|<x@client",)); b.note(messages=False); t.showq()
