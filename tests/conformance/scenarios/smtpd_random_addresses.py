"""Addresses made of random pieces in MAIL and RCPT, with and without strict_rfc821_envelopes: what is taken, refused and logged."""
import pathlib, random, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *

SEED, N = 1, 170
TOK = ["a", "b.example", "alice", "example.test", "@", "@", "@", ".", "..", "\"", "\"q r\"", "\"q@r\"", "\\", "\\\"", "<", ">", "(", ")", "(c)", ",", ":", ";", "[", "]", "[127.0.0.1]", "[1.2.3]", "[IPv6:::1]", "%", "!", "+ext", "=", " ", "\t", "foo.example.test", "@r.example:", "@r.example,@s.example:", "ALICE", "-", "_", "'", "|", "/", "#", "1", "localhost", "\x7f", "\x01"]


def run(t):
    t.main(smtpd_error_sleep_time="0", smtpd_soft_error_limit="10000", smtpd_hard_error_limit="10000", smtpd_junk_command_limit="10000", local_recipient_maps="", luser_relay="", default_transport="hold:", relay_domains="b.example", recipient_delimiter="+")
    strict, = ports(t, {"strict_rfc821_envelopes": "yes", "smtpd_reject_unlisted_sender": "yes"}); t.start(); r = random.Random(SEED)
    for p in (25, strict):
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO client.example.org")
        for i in range(N):
            a = "".join(r.choice(TOK) for _ in range(r.randint(1, 7)))
            a = a if r.random() < .15 else f"<{a}>"
            got = ask(s, f"MAIL FROM:{a}"); t.note(f"{p} MAIL FROM:{a!r} -> {got}")
            if got[:1] == "2": ask(s, "RSET")
            ask(s, "MAIL FROM:<x@z.example>"); got = ask(s, f"RCPT TO:{a}"); t.note(f"{p} RCPT TO:{a!r} -> {got}"); ask(s, "RSET")
        ask(s, "QUIT"); s.close()
    t.log(r"smtpd: .*(reject|warning)", drop=("localhost",))
