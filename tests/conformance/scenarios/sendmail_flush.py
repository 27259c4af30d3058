"""sendmail -q, -qI, -qR, -qS and mailq: one message, one site, what is not there, what is not permitted; what goes out after each."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import waiting


def run(t):
    waiting.calm(t); t.main(fast_flush_domains="far.example, near.example", defer_transports="smtp", transport_maps="texthash:/etc/postfix/tr"); t.file("tr", "far.example smtp:[203.0.113.10]\nnear.example smtp:[203.0.113.11]\nslow.example smtp:[203.0.113.12]\n")
    for i in range(3): t.sink(f"203.0.113.{10 + i}")
    t.start()
    for n in ("one@far.example", "two@far.example", "one@near.example", "one@slow.example"): t.send("alice@example.test", [n])
    t.drain(); t.showq(); t.logs.clear()

    def sent(title):
        t.drain(); t.log("status=sent"); t.logs.clear()
    waiting.say(t, "sendmail -qRunknown.example"); waiting.say(t, "sendmail -qSfar.example"); waiting.say(t, "sendmail -qInosuch"); waiting.say(t, "sendmail -qR"); waiting.say(t, "sendmail -qR 'bad name'"); sent("nothing")
    one = [q["queue_id"] for q in t.queue() if any(r["address"] == "one@slow.example" for r in q["recipients"])][0]
    waiting.say(t, f"sendmail -qI{one}", ONE=one); sent("one"); waiting.say(t, "sendmail -qRnear.example"); sent("near"); waiting.say(t, "sendmail -q2m -bp | tail -1 | cut -d' ' -f3-"); sent("listed"); t.main(authorized_flush_users="!alice, static:all")
    t.sh("sendmail -q", user="alice"); t.sh("postqueue -sfar.example", user="alice"); sent("refused"); t.sh("sendmail -q", user="bob"); sent("all"); t.showq()
