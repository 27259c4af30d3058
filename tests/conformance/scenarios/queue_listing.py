"""postqueue, mailq and sendmail -bp: long addresses and reasons, many recipients, original recipients, null senders, holds, who may look and who may flush."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 " + "a long story " * 20, "RCPT multi": "450-4.2.0 one\r\n450 4.2.0 two", "RCPT ok": "250 2.1.5 Ok"})
    t.main(virtual_alias_domains="al.example", virtual_alias_maps="inline:{ {x@al.example=v@far.example} }", authorized_mailq_users="!bob, static:all", authorized_flush_users="!bob, static:all", authorized_submit_users="!carol, static:all", empty_address_recipient="THE-EMPTY")
    t.start()
    t.send("", ["u@far.example"]); t.send("alice@example.test", [f"r{i}@far.example" for i in range(5)] + ["ok@far.example", "multi@far.example"]); t.send("x" * 60 + "@example.test", ["y" * 60 + "@far.example", "x@al.example"])
    t.send("\"a b\"@example.test", ["\"c d\"@far.example"]); t.drain()
    waiting.mailq(t); t.showq(); held = waiting.ids(t, sender="alice@example.test")[0]; t.sh(f"postsuper -h {held}", quiet=True); waiting.mailq(t)
    for user in ("alice", "bob"):
        t.title(user)
        for c in ("mailq >/dev/null", "postqueue -j >/dev/null", "sendmail -bp >/dev/null", "postqueue -f", "postqueue -i ABCDEF0123", f"postqueue -s far.example"): t.sh(c + " 2>&1", user=user)
    t.title("carol may not send"); t.sh("sendmail -i alice; echo $?", stdin="Subject: x\n\nx\n", user="carol"); t.drain(); t.log("postqueue|postdrop|sendmail|showq")
    for c in ("postqueue", "postqueue -p x", "postqueue -x", "postqueue -p -f", "postqueue -i", "postqueue -i 'a b'", "postqueue -i x/../y", "postqueue -c /nosuch -p", "postqueue -jp"): t.sh(c)
