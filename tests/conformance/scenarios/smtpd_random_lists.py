"""Random restriction lists in every stage, with and without delay, for random clients, senders and recipients: replies and log lines."""
import pathlib, random, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

SEED, N = 1, 50
WORDS = ["permit", "reject", "defer", "permit_mynetworks", "permit_auth_destination", "reject_unauth_destination", "defer_unauth_destination", "reject_unknown_sender_domain", "reject_unknown_recipient_domain", "reject_non_fqdn_sender", "reject_non_fqdn_recipient", "reject_non_fqdn_helo_hostname", "reject_invalid_helo_hostname", "reject_unknown_helo_hostname", "reject_unknown_client_hostname", "reject_unknown_reverse_client_hostname", "reject_unlisted_recipient", "reject_unlisted_sender", "permit_sasl_authenticated", "reject_multi_recipient_bounce", "reject_unauth_pipelining", "reject_sender_login_mismatch", "permit_inet_interfaces", "permit_tls_clientcerts", "reject_plaintext_session", "defer_if_permit", "defer_if_reject", "warn_if_reject", "warn_if_reject", "sleep 0", "nonsense", "check_helo_access inline:{{one=OK},{two=REJECT two no}}", "check_sender_access inline:{{a@z.example=450 4.7.0 later},{z.example=DEFER_IF_PERMIT perhaps}}", "check_recipient_access inline:{{bob@example.test=DISCARD gone},{alice@example.test=HOLD held},{example.test=WARN noted}}", "check_client_access inline:{{unknown=INFO unknown client},{198.51.100=PREPEND X-Net: yes}}", "check_client_access inline:{{198.51.100.7=ok}}", "reject_rbl_client list.example", "reject_rhsbl_sender names.example", "permit_dnswl_client white.example", "check_policy_service unix:/nowhere", "check_sender_mx_access inline:{{203.0.113.50=REJECT bad mx}}", "check_recipient_ns_access static:reject", "class1", "check_sender_access static:class1", "check_helo_access static:DUNNO", "check_sender_access fail:x"]
STAGES = ["client", "helo", "sender", "relay", "recipient", "data", "end_of_data"]


def run(t):
    t.dns("z.example", "MX", "10 mx.z.example"); t.dns("mx.z.example", "A", "203.0.113.50"); t.dns("z.example", "A", "203.0.113.50"); t.dns("7.100.51.198.list.example", "A", "127.0.0.2"); t.dns("y.example.names.example", "A", "127.0.0.2"); t.dns("7.100.51.198.white.example", "A", "127.0.0.1"); t.dns("sf.example", "MX", "SERVFAIL"); t.dns("y.example", "A", "203.0.113.51")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", smtpd_error_sleep_time="0", smtpd_restriction_classes="class1", class1="reject_non_fqdn_sender, check_helo_access inline:{{three=defer three waits}}", smtpd_policy_service_try_limit="1", smtpd_policy_service_default_action="450 4.3.0 policy", smtpd_client_connection_count_limit="0", default_process_limit="100")
    r = random.Random(SEED); sets = []
    for i in range(N):
        one = {"smtpd_delay_reject": r.choice(["yes", "yes", "no"])}
        for stage in r.sample(STAGES, r.randint(1, 4)): one[f"smtpd_{stage}_restrictions"] = ", ".join(r.choice(WORDS) for _ in range(r.randint(1, 4)))
        one["smtpd_relay_restrictions"] = (one.get("smtpd_relay_restrictions", "sleep 0") + ", reject_unauth_destination").replace("warn_if_reject, reject_unauth", "reject_unauth")
        sets.append(one)
    P = ports(t, *sets); t.start()
    for one, p in zip(sets, P):
        t.note(f"{p}: " + "; ".join(f"{k[6:].replace('_restrictions', '')}={v}" for k, v in one.items()))
        for _ in range(3):
            s = t.smtp(src=STRANGER, dst=ME, port=p, greet=False, quiet=True); out = [s.reply()[:3]]
            for c in (f"EHLO {r.choice(['one', 'two', 'three', 'x.example', 'sf.example', '[1.2', 'client.example.org'])}", f"MAIL FROM:<{r.choice(['a@z.example', 'b@z.example', '', 'a@nowhere.example', 'u@y.example', 'a@sf.example', 'local'])}>", f"RCPT TO:<{r.choice(['alice@example.test', 'bob@example.test', 'nobody@example.test', 'u@far.example', 'carol'])}>", f"RCPT TO:<{r.choice(['alice@example.test', 'carol@example.test', 'u@sf.example'])}>", "DATA"):
                got = ask(s, c); out.append(got.split(" / ")[0] if c[:4] != "EHLO" else got[:60].split(" / ")[0])
                if out[-1].startswith("(closed"): break
                if got.startswith("354"): out.append(ask(s, b"Subject: x\r\n\r\nx\r\n.\r\n").split(" queued")[0])
            ask(s, "QUIT"); s.close(); t.note("   " + " | ".join(o for o in out))
    t.log("smtpd: .*(reject|warning|discard|hold|info|prepend|warn)", drop=("localhost",))
