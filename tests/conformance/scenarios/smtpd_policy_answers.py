"""Policy servers at each stage and what they may say: every action, odd and broken answers, per-service options, limits on requests, request by request."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


class Server:
    """Answers by the local part of the sender; b"…" is sent as it is, None is silence, "close" ends the connection."""
    def __init__(self, where, answers):
        self.l = socket.create_server(where); self.answers, self.seen, self.connections = answers, [], 0
        import threading; threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        import threading
        while True: c, _ = self.l.accept(); self.connections += 1; threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        f, a = c.makefile("rwb"), {}
        for l in f:
            l = l.decode("utf-8", "replace").rstrip("\n")
            if l: k, _, v = l.partition("="); a[k] = v; continue
            self.seen.append((a.get("protocol_state"), a.get("sender"), a.get("policy_context"), a.get("stress"), a.get("etrn_domain"), a.get("size") if a.get("protocol_state") == "END-OF-MESSAGE" else ""))
            r = self.answers.get(a.get("sender", "").split("@")[0], "DUNNO"); a = {}
            try:
                if r is None: time.sleep(30)
                if r == "close": break
                f.write(r if isinstance(r, bytes) else f"action={r}\n\n".encode()); f.flush()
            except OSError: return
        c.close()


SAY = {"ok": "OK", "rej": "REJECT", "rejt": "REJECT 5.7.9 by policy", "dip": "DEFER_IF_PERMIT grey", "dir": "DEFER_IF_REJECT grey", "c421": "421 4.7.7 bye", "c550": "550", "list": "reject_non_fqdn_sender, DEFER", "cls": "mild", "two": b"other=1\naction=REJECT second line\nmore=2\n\n", "none": b"other=1\n\n", "empty": b"\n", "noval": b"action=\n\n", "spaces": b"action=  REJECT   spaced   out \n\n",
       "case": "rEjEcT mixed", "bad": "NONSENSE", "html": b"HTTP/1.0 400 Bad Request\r\n\r\n", "close": "close", "long": "REJECT " + "x" * 400, "eight": "REJECT caf\u00e9", "ctl": b"action=REJECT a\tb\x01c\n\n", "pol": "check_policy_service inet:127.0.0.1:9981", "warn": "WARN hm", "prep": "PREPEND X-P: 1"}


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_restriction_classes="mild", mild="permit_mynetworks, reject_unlisted_sender", smtpd_policy_service_try_limit="1", smtpd_policy_service_retry_delay="1s")
    a = Server(("127.0.0.1", 9981), SAY); b = Server(("127.0.0.1", 9982), {"slow": None, "close": "close"}); c = Server(("127.0.0.1", 9983), {})
    ask_a = "check_policy_service inet:127.0.0.1:9981"
    P = ports(t, {"smtpd_recipient_restrictions": ask_a}, {"smtpd_data_restrictions": ask_a, "smtpd_end_of_data_restrictions": ask_a}, {"smtpd_client_restrictions": ask_a, "smtpd_helo_restrictions": ask_a, "smtpd_sender_restrictions": ask_a, "smtpd_delay_reject": "no"},
              {"smtpd_recipient_restrictions": "check_policy_service { inet:127.0.0.1:9982, timeout=1s, try_limit=1, default_action=DUNNO }"}, {"smtpd_recipient_restrictions": "check_policy_service { inet:127.0.0.1:9982, timeout=1s, { default_action = 451 4.7.6 policy is away } }"}, {"smtpd_recipient_restrictions": "check_policy_service { inet:127.0.0.1:9982, timeout=1s }"},
              {"smtpd_recipient_restrictions": "check_policy_service { inet:127.0.0.1:9983, policy_context=one, request_limit=2 }, check_policy_service { inet:127.0.0.1:9983, policy_context=two, request_limit=2 }", "smtpd_etrn_restrictions": "check_policy_service inet:127.0.0.1:9983", "stress": "yes"}); t.start()
    for p in P[:3]:
        t.title(f"port {p}")
        for k in SAY:
            if p != P[0] and k in ("two", "none", "empty", "noval", "spaces", "case", "html", "close", "long", "eight", "ctl"): continue
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); out = []
            for cmd in (f"MAIL FROM:<{k}@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<x@far.example>") + (("DATA",) if p == P[1] else ()):
                out.append(ask(s, cmd))
                if "(closed)" in out[-1]: break
            if out[-1][:3] == "354": out[-1] = quietly(t, s, f"Subject: {k}\n\nx\n").split(" queued")[0]
            t.note(f"{k}: " + " | ".join(o[:180] for o in out)); ask(s, "QUIT"); s.close()
    for p in P[3:6]: t.title(f"port {p}"); talk(t, *[c for k in ("fine", "slow", "close") for c in (f"MAIL FROM:<{k}@z.example>", "RCPT TO:<alice@example.test>", "RSET")], port=p)
    t.title("contexts"); talk(t, "ETRN example.test", "MAIL FROM:<c@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<bob@example.test>", "RCPT TO:<carol@example.test>", port=P[6]); time.sleep(0.3)
    for row in c.seen: t.note(" ".join(str(x) for x in row))
    t.note(f"{c.connections} connections"); t.log("reject|warning|smtpd.*(warn|prepend):", drop=("localhost",))
