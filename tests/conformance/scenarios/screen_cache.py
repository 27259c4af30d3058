"""What is remembered about clients: new and old passes, tests that come due, tests that are switched on later, the cleanup."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, {"postscreen_greet_ttl": "2s"}, {"postscreen_cache_cleanup_interval": "1h", "postscreen_greet_ttl": "1s", "postscreen_cache_retention_time": "1s"}, {"postscreen_cache_map": ""}, {"postscreen_cache_map": "btree:$data_directory/later", "postscreen_pipelining_enable": "$later_test", "postscreen_greet_wait": "1s"})
    t.main(later_test="no"); t.start()
    s = [call(t, p, A[0]) for p in P]
    for one, name in zip(s, ("short ttl", "cleanup", "no cache", "later")): t.title(name); t.note(greeting(one)); ask(one, "QUIT"); one.close()
    heard(t, drop=("DISCONNECT",))
    t.title("known"); talk(t, P[0], A[0], "QUIT"); talk(t, P[3], A[0], "QUIT"); t.title("never known"); talk(t, P[2], A[0], "QUIT"); heard(t)
    t.title("due again"); time.sleep(1.5); talk(t, P[0], A[0], "QUIT"); heard(t)
    t.title("after a restart, with one test more"); t.stop(); t.main(later_test="yes"); time.sleep(0.7); t.sh("postfix start", quiet=True); time.sleep(1)
    t.log("postscreen: cache"); t.logs.clear()
    for c in ("EHLO c.example",): talk(t, P[3], A[0], c, "MAIL FROM:<>", "RCPT TO:<alice@example.test>")
    talk(t, P[3], A[0], "QUIT"); heard(t)
