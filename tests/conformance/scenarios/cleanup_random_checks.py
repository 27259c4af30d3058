"""header_checks and body_checks with random actions, right and wrong, on messages that several of them match."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *
from chance import *

ACTIONS = ["OK", "DUNNO", "PASS", "PASS x", "IGNORE", "IGNORE x", "STRIP", "STRIP why", "WARN", "WARN look $1", "INFO", "INFO $0", "HOLD", "HOLD it", "DISCARD", "DISCARD it", "REJECT", "REJECT no", "REJECT 4.7.9 later", "REJECT 5.1.9 never $1", "REJECT 2.0.0 odd", "REPLACE X-R: $1", "REPLACE", "REPLACE no colon", "REPLACE X-M: a\tb", "PREPEND X-P: $1", "PREPEND", "PREPEND no colon", "REDIRECT bob@example.test", "REDIRECT bob", "REDIRECT", "BCC bcc@example.test", "BCC", "BCC x", "FILTER smtp:[203.0.113.17]", "FILTER", "FILTER nonsense", "DELAY 5", "nonsense", "550 5.7.1 x", "DEFER", "reject lower", "DUNNO x", "warn lower $2", "PREPEND Received: x", "REPLACE Received: x", "REPLACE Content-Type: text/x", "PREPEND  X-S:  two"]


def run(t):
    r = Chance(6); hop = catch(t, smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0"); n = 100
    def rule(name, i): return f"/^{name}: m{i} (.*)$/ {r.choice(ACTIONS)}\n"
    t.file("h", "".join(rule("X-One", i) + rule("X-Two", i) + rule("Subject", i) for i in range(n))); t.file("b", "".join(f"/^b{i} (.*)/ {r.choice(ACTIONS)}\n/^c{i} (.*)/ {r.choice(ACTIONS)}\n" for i in range(n)))
    t.main(header_checks="regexp:/etc/postfix/h", body_checks="regexp:/etc/postfix/b"); t.start()
    for i in range(n):
        got = mail(t, f"X-Id: {i}\nX-One: m{i} first\nSubject: m{i} subject\n" + ("X-Two: m%d second\n" % i if r.maybe(.5) else "") + "\n" + (f"b{i} body\nplain\n" if r.maybe(.4) else "") + (f"c{i} more\n" if r.maybe(.3) else "end\n"), to="r@example.test"); t.note(f"{i}: {got.split(' queued')[0]}")
    without_numbers(t); t.drain(40); t.showq(); t.log("cleanup: .*(warning|reject|hold|discard|redirect|filter|info|strip|prepend|replace|bcc|warn)", drop=("localhost",))
    import re
    for m in sorted(hop.messages, key=lambda m: int((re.search(rb"X-Id: (\d+)", m) or [0, 999])[1])): t.note(" / ".join(l for l in m.decode("utf-8", "replace").split("\r\n" if b"\r\n" in m else "\n") if not re.match(r"Received: from|\tby|\tfor|\tid|Date|From|Message-Id", l)))
