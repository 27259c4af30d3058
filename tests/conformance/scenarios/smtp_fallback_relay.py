"""smtp_fallback_relay: after refusal, silence and missing names; not after a permanent refusal; a relay that fails itself; lists of next hops."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    t.main(smtp_fallback_relay="[203.0.113.10]:2525", transport_maps="texthash:/etc/postfix/tr")
    relay = t.sink("203.0.113.10", 2525, name="relay.example")
    t.dns("dead.example", "A", "203.0.113.15"); onward.site(t, "busy.example", "203.0.113.11", script={"CONNECT": "421 4.3.2 busy"}); onward.site(t, "part.example", "203.0.113.12", script={"RCPT b@part.example": "450 4.2.0 later"})
    onward.site(t, "firm.example", "203.0.113.13", script={"RCPT": "550 5.1.1 no"})
    for n, o in (("sad", "[203.0.113.15]:2525"), ("lost", "nowhere.invalid"), ("no", "[203.0.113.14]:2525")): t.master(f"{n} unix - - n - - smtp\n  -o smtp_fallback_relay={o}")
    t.sink("203.0.113.14", 2525, name="no.example", script={"CONNECT": "554 5.7.1 not you"})
    t.file("tr", "list.example smtp:[203.0.113.15], [203.0.113.10]:2525\nsad.example sad:dead.example\nlost.example lost:gone.invalid\nno.example no:gone.invalid\n")
    t.start()
    onward.each(t, "", ["u@dead.example", "u@busy.example", "u@gone.invalid", "u@firm.example", "u@list.example", "u@sad.example", "u@lost.example", "u@no.example"])
    t.send("", ["a@part.example", "b@part.example"]); t.drain()
    t.log(r"postfix/(sad/|lost/|no/)?smtp: "); relay.note(messages=False); t.showq()
