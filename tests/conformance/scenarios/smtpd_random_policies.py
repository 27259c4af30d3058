"""Policy servers that answer anything in any stage: every action, with and without texts and codes, in random order."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import Server
from chance import *

ACTIONS = ["OK", "DUNNO", "permit", "REJECT", "reject no thanks", "REJECT 5.7.9 with a status", "450 later", "450 4.7.8 later", "550 5.4.3 never", "421 4.7.0 go", "521 gone", "550", "451 ", "DEFER", "DEFER wait", "DEFER_IF_PERMIT", "DEFER_IF_PERMIT 4.2.1 perhaps", "DEFER_IF_REJECT", "DEFER_IF_REJECT hm", "HOLD", "HOLD for the boss", "DISCARD", "DISCARD quietly", "PREPEND X-P: one", "PREPEND", "PREPEND nothing", "PREPEND X-Q : y", "WARN", "WARN look", "INFO", "INFO hear", "FILTER smtp:[203.0.113.17]", "FILTER", "FILTER nonsense", "REDIRECT bob@example.test", "REDIRECT", "REDIRECT bob", "BCC bob@example.test", "BCC", "reject_unauth_destination", "reject_non_fqdn_sender, permit", "class1", "nonsense", "200 fine", "4 x", "45 x", "4500 x", "5.7.1 x", "554 4.7.1 mixed", "dunno x", "OK done", "permit_mynetworks x", "check_policy_service inet:127.0.0.1:4210", "BCC a@[1.2", "REJECT \x01control", "REJECT $sender ${recipient}", "550 5.7.1", "HOLD\tx", "strip X"]


def run(t):
    r = Chance(3)
    class Policy(Server):
        def serve(self, c):
            f = c.makefile("rwb"); a = {}
            for l in f:
                k, _, v = l.decode().rstrip("\n").partition("=")
                if k: a[k] = v; continue
                f.write(f"action={pick(a)}\n\n".encode()); f.flush(); a = {}
    plan = {}
    def pick(a): return plan.get(a["protocol_state"], "DUNNO")
    Policy("127.0.0.1:4210"); t.sink("203.0.113.17", name="filter"); word = "check_policy_service inet:127.0.0.1:4210"
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", smtpd_restriction_classes="class1", class1="reject_non_fqdn_helo_hostname, permit", smtpd_client_restrictions=word, smtpd_helo_restrictions=word, smtpd_sender_restrictions=word, smtpd_recipient_restrictions=word, smtpd_data_restrictions=word, smtpd_end_of_data_restrictions=word, smtpd_etrn_restrictions=word)
    early, = ports(t, {"smtpd_delay_reject": "no"}); t.start()
    for i in range(70):
        plan.clear()
        for state in r.sample(["CONNECT", "EHLO", "HELO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE", "VRFY", "ETRN"], r.choice([1, 1, 2, 3])): plan[state] = r.choice(ACTIONS)
        if i < len(ACTIONS): plan = plan if i % 4 == 0 else {r.choice(["RCPT", "DATA", "END-OF-MESSAGE", "MAIL"]): ACTIONS[i]}
        t.note(f"{i} {plan}"); session(t, [r.choice(["EHLO c.example", "HELO c"]), "MAIL FROM:<a@z.example>", "VRFY bob" if i % 9 == 0 else "ETRN x.example" if i % 10 == 0 else "NOOP", "RCPT TO:<alice@example.test>", "RCPT TO:<u@far.example>", "DATA"], port=25 if i % 2 else early)
    without_numbers(t); t.drain(30); t.log("smtpd: .*(NOQUEUE|Q:|warning)|cleanup: .*warning", drop=("localhost", "client="))
