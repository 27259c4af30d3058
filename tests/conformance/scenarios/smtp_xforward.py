"""smtp_send_xforward_command: what is known of the client goes on to a filter that asks for it; local mail has nothing to say."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    t.main(mynetworks="127.0.0.0/8 198.51.100.0/24", transport_maps="inline:{ f.example=x:[203.0.113.10]:2950, few.example=x:[203.0.113.11]:2950, none.example=x:[203.0.113.12]:2950, no.example=x:[203.0.113.13]:2950 }")
    t.dns("7.100.51.198.in-addr.arpa", "PTR", "client.example.org"); t.dns("client.example.org", "A", "198.51.100.7")
    t.master("x unix - - n - - smtp\n  -o smtp_send_xforward_command=yes")
    sinks = [t.sink(f"203.0.113.{10 + i}", 2950, name=n, ehlo=e, script=s) for i, (n, e, s) in enumerate((("f", ("PIPELINING", "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"), {"XFORWARD": "250 2.0.0 Ok"}), ("few", ("XFORWARD ADDR HELO",), {"XFORWARD": "250 2.0.0 Ok"}), ("none", ("SIZE",), None), ("no", ("XFORWARD NAME ADDR",), {"XFORWARD": "550 5.7.0 no"})))]
    t.start()
    for d in ("f", "few", "none", "no"): t.send("alice@example.test", [f"u@{d}.example"], src="198.51.100.7", dst="192.0.2.1")
    t.sendmail("-i u@f.example", "Subject: local\n\n.\n"); t.drain()
    t.log(r"postfix/(\w+/)?smtp: ")
    for s in sinks: s.note(messages=False)
