"""ETRN: who may, for which domains, with fast_flush_domains and without; check_etrn_access with every action; what the flush does; smtpd_etrn_restrictions in a session."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.file("e", "ok.example OK\nrej.example REJECT\nrejt.example REJECT not this one\ndef.example DEFER later\ndip.example DEFER_IF_PERMIT maybe\ndir.example DEFER_IF_REJECT maybe\nc459.example 459 4.7.1 node\nhold.example HOLD\nredir.example REDIRECT bob@example.test\ninfo.example INFO noted\nprep.example PREPEND X-A: b\n.sub.example REJECT below\nbad.example nonsense\nlist.example permit_mynetworks, reject\n")
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", fast_flush_domains="ok.example, ff.example, .dot.example, info.example", relay_domains="relay.example")
    P = ports(t, {"smtpd_etrn_restrictions": "check_etrn_access texthash:/etc/postfix/e"}, {"smtpd_etrn_restrictions": "permit_mynetworks, reject"}, {"smtpd_etrn_restrictions": "check_etrn_access texthash:/etc/postfix/e, reject"}, {"smtpd_etrn_restrictions": "reject_invalid_helo_hostname, check_helo_access inline:{he.lo=REJECT}, check_client_access inline:{198.51.100.7=WARN}, warn_if_reject reject, reject_unauth_pipelining"}, {"fast_flush_domains": "", "smtpd_etrn_restrictions": ""},
              {"smtpd_discard_ehlo_keywords": "etrn"}, {"smtpd_helo_required": "yes"}, {"smtpd_client_restrictions": "reject", "smtpd_helo_restrictions": "reject"}); t.start()
    domains = ("ok.example", "rej.example", "rejt.example", "def.example", "dip.example", "dir.example", "c459.example", "hold.example", "redir.example", "info.example", "prep.example", "x.sub.example", "bad.example", "list.example", "ff.example", "a.dot.example", "dot.example", "relay.example", "OK.EXAMPLE", "ok.example.", "[192.0.2.1]", "b\u00fccher.example")
    for p in P[:3]: t.title(f"port {p}"); talk(t, *[f"ETRN {d}" for d in domains], port=p)
    t.title("from our network"); talk(t, "ETRN ok.example", "ETRN relay.example", src="127.0.0.1", dst="127.0.0.1", port=P[1])
    t.title("other checks"); talk(t, "ETRN ok.example", helo="EHLO he.lo", port=P[3]); talk(t, "ETRN ok.example", helo="EHLO c.example", port=P[3])
    for p in P[4:]: t.title(f"port {p}"); talk(t, "ETRN ok.example", "ETRN relay.example", "ETRN", "ETRN a b", "MAIL FROM:<a@z.example>", "ETRN ok.example", "RSET", "ETRN ok.example", port=p)
    t.title("before HELO"); talk(t, "ETRN ok.example", helo=None); talk(t, "ETRN ok.example", helo=None, port=P[6])
    t.log("reject|warning|smtpd.*(hold|redirect|info|prepend|flush)", drop=("localhost",))
