"""postsuper: IDs on standard input, several options at once, -v, -c, queues by name, messages that are not there."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t); t.main(defer_transports="smtp"); t.start()
    for n in range(4): waiting.inject(t, "alice@example.test", f"u{n}@far.example", body=f"Subject: {n}\n\nx\n")
    t.drain(); a, b, c, d = (q["queue_id"] for q in sorted(t.queue(), key=lambda q: q["recipients"][0]["address"]))
    def say(command, stdin=None): t.sh(command, stdin=stdin); t.showq()
    say("postsuper -h -", stdin=f"{a}\n\n{b}  \n"); say(f"postsuper -h {a}"); say("postsuper -H - -h -", stdin=f"{a}\n"); say(f"postsuper -H {a} -h {c}"); say(f"postsuper -d {d} deferred"); say(f"postsuper -d {c} hold"); say(f"postsuper -d {b} nosuch"); say("postsuper -d -", stdin="NOSUCH\nBCDFGH0123\n../x\n"); say(f"postsuper -d {b} -d {a}"); t.sh("postsuper -d ALL -d ALL"); t.showq()
    for x in ("-p", "-d", "-d ''", "-d BCDFGH0123", "-r BCDFGH0123", "-H BCDFGH0123", "-h BCDFGH0123", "-e BCDFGH0123", "-f BCDFGH0123", "-d all", "-H ALL", "-h ALL hold", "-r ALL maildrop", "-p -s -S incoming active deferred hold", "-c /etc/postfix -p", "-S defer", "-p bounce defer flush trace", "-s corrupt", "-H ALL deferred", "-- -d X", "incoming x"): t.sh(f"postsuper {x}")
    t.log("postsuper")
