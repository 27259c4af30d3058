"""postcat: names that are no queue IDs, standard input, several at once, who may."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t); t.main(defer_transports="smtp"); t.start()
    waiting.inject(t, "alice@example.test", "u@far.example", body="Subject: y\n\nhello\n"); t.drain(); i = waiting.ids(t)[0]
    for c in ("/no/such", "-q", "-q NOSUCH", "-q BCDFGH0123", "-q ''", "-q ../../x", "-c /no/such -q X", "-Z", "< /dev/null", "-d -q NOSUCH"): t.sh(f"postcat {c} 2>&1 | head -20")
    t.sh(f"postcat -hq {i} > /tmp/a; postcat -hq {i} NOSUCH > /tmp/b; echo $?; cmp /tmp/a /tmp/b"); t.sh(f"postcat -q {i}", user="alice"); t.sh("postcat -q X", user="alice"); t.sh("postcat", stdin="")
    t.sh(f"postcat -bhq {i} {i} | grep -c hello; postcat -beq {i} | grep -c hello; postcat -v -bq {i} 2>/dev/null")
