"""postscreen_dnsbl_allowlist_threshold: a good name in DNS stands for the greeting test and for the deep tests; failures stand against it."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    t.dns("10.113.0.203.good.example", "A", "127.0.0.2"); t.dns("11.113.0.203.good.example", "A", "127.0.0.2"); t.dns("11.113.0.203.bad.example", "A", "127.0.0.2"); t.dns("12.113.0.203.bad.example", "A", "127.0.0.2")
    deep = {"postscreen_dnsbl_sites": "good.example*-2 bad.example*3", "postscreen_pipelining_enable": "yes", "postscreen_bare_newline_enable": "yes", "postscreen_non_smtp_command_enable": "yes", "postscreen_dnsbl_action": "enforce", "postscreen_greet_wait": "3s"}
    P = screens(t, {**deep, "postscreen_dnsbl_allowlist_threshold": "-2"}, {**deep, "postscreen_dnsbl_allowlist_threshold": "-3"}, {**deep, "postscreen_dnsbl_allowlist_threshold": "-1", "postscreen_greet_action": "enforce"})
    t.main(dnsblog_reply_delay="1s"); t.start()
    t.title("allowed: at once, and again"); start = time.time(); talk(t, P[0], A[0], "NOOP"); t.note("at once" if time.time() - start < 2.5 else "late"); talk(t, P[0], A[0], "NOOP"); heard(t)
    s = [call(t, P[0], A[1]), call(t, P[0], A[2]), call(t, P[1], A[0]), call(t, P[2], A[0])]
    t.note(line(s[3])); s[3].s.sendall(b"EHLO x\r\n")
    for one, name in zip(s, ("both lists", "denied", "not good enough", "spoke too early")):
        t.title(name); t.note(greeting(one))
        for c in ("EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>"): t.note(f"{c} -> " + ask(one, c))
        ask(one, "QUIT"); one.close()
    heard(t, drop=("dnsblog",))
