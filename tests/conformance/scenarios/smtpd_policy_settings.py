"""smtpd_policy_service_timeout, _request_limit, _try_limit, _retry_delay, _default_action and _policy_context in main.cf; a server that closes, is slow, or is not there."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *


class Policy(Server):
    def __init__(self, where, how): self.how, self.seen, self.connections = how, [], 0; super().__init__(where)

    def serve(self, c):
        self.connections += 1; f = c.makefile("rwb"); n = 0; me = self.connections
        while True:
            a = {}
            while True:
                l = f.readline().decode().rstrip("\n")
                if not l: break
                k, _, v = l.partition("="); a[k] = v
            if not a: self.seen.append("(end)"); return
            n += 1; self.seen.append(f"{me}.{n} " + " ".join(f"{k}={a.get(k)}" for k in ("protocol_state", "recipient", "policy_context", "helo_name")))
            r = self.how(n, me, a)
            if r is None: time.sleep(4); return
            if r == "": return
            f.write(r.encode()); f.flush()


def run(t):
    ok = Policy("127.0.0.1:4201", lambda n, c, a: "action=DUNNO\n\n"); first = Policy("127.0.0.1:4202", lambda n, c, a: "" if n == 2 else "action=DUNNO\n\n"); mute = Policy("127.0.0.1:4203", lambda n, c, a: None)
    once = Policy("127.0.0.1:4204", lambda n, c, a: "" if c == 1 else "action=450 4.7.0 second\n\n")
    t.main(smtpd_policy_service_timeout="1s", smtpd_policy_service_try_limit="1", smtpd_policy_service_retry_delay="1s", smtpd_policy_service_policy_context="from main", smtpd_policy_service_default_action="421 4.3.5 no policy", smtpd_hard_error_limit="1000")
    word = "smtpd_recipient_restrictions"
    sets = [{word: "check_policy_service inet:127.0.0.1:4201", "smtpd_policy_service_request_limit": "2"}, {word: "check_policy_service inet:127.0.0.1:4202", "smtpd_policy_service_try_limit": "2"}, {word: "check_policy_service inet:127.0.0.1:4203"}, {word: "check_policy_service inet:127.0.0.1:4204", "smtpd_policy_service_try_limit": "2"}, {word: "check_policy_service inet:127.0.0.1:4299"}]
    P = ports(t, *sets); t.start()
    for kw, p in zip(sets, P):
        t.title(str(kw)); s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); out = []
        for c in ("EHLO client.example.org", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<bob@example.test>", "RCPT TO:<carol@example.test>", "RCPT TO:<dave@example.test>"): out.append(ask(s, c).split(" / ")[0])
        t.note(" | ".join(out[2:])); ask(s, "QUIT"); s.close()
    for name, one in (("ok", ok), ("first", first), ("mute", mute), ("once", once)):
        t.title(name); [t.note("  " + l) for l in one.seen if l != "(end)"]
    t.log("warning|reject", drop=("localhost",))
