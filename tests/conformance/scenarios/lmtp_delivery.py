"""lmtp over TCP and UNIX sockets: LHLO, one reply for each recipient after the dot, refusals, missing socket, flags of the master.cf line."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    t.main(transport_maps="texthash:/etc/postfix/tr", final_destination_recipient_limit="1")
    t.file("tr", "tcp.example lmtp:inet:203.0.113.10:2400\nunix.example lmtp:unix:private/box\nabs.example lmtp:unix:/tmp/box\ngone.example lmtp:unix:private/gone\ndead.example lmtp:inet:[203.0.113.15]:24\nhost.example lmtp:mail.host.example:2401\nfinal.example final:inet:203.0.113.10:2400\nrefuse.example lmtp:inet:203.0.113.12:2400\n")
    t.master("final unix - - n - - lmtp flags=DORX")
    t.dns("mail.host.example", "A", "203.0.113.11")
    replies = {"RCPT two@tcp.example": "550 5.1.1 no such box", ".": ["250 2.0.0 first stored", "452 4.2.2 third over quota", "250 2.0.0 stored"]}
    tcp = t.sink("203.0.113.10", 2400, name="lmtp.example", lmtp=True, script=replies); host = t.sink("203.0.113.11", 2401, name="lhost", lmtp=True); t.sink("203.0.113.12", 2400, name="refuse", lmtp=True, script={"LHLO": "550 5.7.1 not here"})
    t.start()
    import os
    unix = t.sink("unix", 1, name="box", lmtp=True, unix="/var/spool/postfix/private/box"); t.sink("unix", 2, name="box2", lmtp=True, unix="/tmp/box")
    t.send("alice@example.test", ["one@tcp.example", "two@tcp.example", "three@tcp.example"]); t.drain()
    onward.each(t, "alice@example.test", ["u@unix.example", "u@abs.example", "u@gone.example", "u@dead.example", "u@host.example", "User+x@final.example", "u@refuse.example"])
    t.log(r"postfix/(final/)?lmtp: "); tcp.note(headers=("return-path", "x-original-to", "delivered-to", "subject")); unix.note(messages=False); host.note(messages=False); t.showq()
