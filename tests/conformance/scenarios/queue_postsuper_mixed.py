"""postsuper: several options and IDs in one call, standard input for each of them, queue names, messages in other queues, mail in the maildrop."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    waiting.site(t, "far.example", "203.0.113.10", script={"RCPT": "450 4.2.0 later"})
    t.start()
    for s in "abcdef": t.send(f"{s}@example.test", "u@far.example")
    t.drain(); t.logs.clear(); i = {s: waiting.ids(t, sender=f"{s}@example.test")[0] for s in "abcdef"}; names = {s.upper(): i[s] for s in i}
    say = lambda c: (waiting.say(t, c, **names), t.showq())
    say(f"postsuper -h {i['a']} -h {i['b']} -d {i['c']} -H {i['b']}")
    say(f"printf '%s\\n' {i['a']} {i['b']} | postsuper -H - -h {i['d']}")
    say(f"printf '%s\\n' {i['a']} {i['b']} | postsuper -h - deferred")
    say(f"printf '  %s  \\n\\n#x\\n' {i['e']} | postsuper -d -")
    say(f"postsuper -d {i['f']} hold"); say(f"postsuper -d {i['f']} deferred incoming"); waiting.say(t, "postsuper -r ALL hold", **names); t.sh("postqueue -f", quiet=True); t.drain(); t.showq()
    for c in ("-d ALL -h ALL", "-d - -h -", "-h", "-d ALL nosuch", "-H ALL deferred", "-s maildrop", "-p hold"): say(f"postsuper {c} </dev/null")
    t.stop(); t.title("stopped"); t.sh("sendmail -i bob", stdin="Subject: x\n\nx\n", user="alice"); t.sh("postsuper -h ALL; postqueue -p | grep -c '^[0-9A-F]*'; postsuper -d ALL; postqueue -p | tail -1")
    t.log("postsuper")
