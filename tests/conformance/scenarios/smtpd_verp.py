"""XVERP: who may ask for it, which delimiters, senders without a domain; what bounces and deliveries look like, default_verp_delimiters, verp_delimiter_filter, disable_verp_bounces, sendmail -XV."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward
from doors import *


def run(t):
    onward.steady(t)
    sink = onward.site(t, "far.example", "203.0.113.12"); onward.site(t, "no.example", "203.0.113.13", script={"RCPT": "550 5.1.1 unknown"})
    t.main(smtpd_authorized_verp_clients="127.0.0.1, 198.51.100.7", default_verp_delimiters="+=", verp_delimiter_filter="-=+%", smtpd_hard_error_limit="100", smtpd_relay_restrictions="permit_mynetworks, check_client_access inline:{198.51.100.7=OK}, reject_unauth_destination", recipient_delimiter="+"); P = ports(t, {"default_verp_delimiters": "-="}, {"disable_verp_bounces": "yes"}, {"smtpd_authorized_verp_clients": ""}); t.start()
    for p in (25, *P):
        t.title(f"port {p}")
        for arg in ("XVERP", "XVERP=-=", "XVERP=+", "XVERP=a=", "XVERP=", "XVERP=+=x", "xverp=-="):
            s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); ask(s, "EHLO c.example"); r = ask(s, f"MAIL FROM:<list@example.test> {arg}"); t.note(f"{arg}: {r}")
            if r[0] == "2" and p in (25, P[0]):
                for to in ("one@far.example", "two+ext@far.example", "x@no.example"): ask(s, f"RCPT TO:<{to}>")
                ask(s, "DATA"); quietly(t, s, f"Subject: {p} {arg}\n\nx\n")
            ask(s, "QUIT"); s.close()
    for f in ("<>", "<alone>", "<a@b@c>", "<owner-l@example.test>"):
        s = t.smtp(src=STRANGER, dst=ME, quiet=True); ask(s, "EHLO c.example"); t.note(f"{f}: " + ask(s, f"MAIL FROM:{f} XVERP") + " | " + ask(s, "RCPT TO:<one@far.example>")); ask(s, "DATA"); quietly(t, s, f"Subject: from {f}\n\nx\n"); ask(s, "QUIT"); s.close()
    t.sendmail("-XV -f list@example.test -i -- three@far.example four@far.example", stdin="Subject: XV\n\nx\n"); t.sendmail("-XV-= -f list@example.test -i -- three@far.example", stdin="Subject: XV-=\n\nx\n"); t.sendmail("-XV? -f list@example.test -i -- three@far.example", stdin="Subject: bad\n\nx\n")
    t.drain(timeout=30); rows = sorted(l for s in sink.sessions for l in s if l.startswith(("MAIL", "RCPT"))); t.note("\n".join(t.norm(r) for r in rows)); t.log("to=<list.*status|warning.*verp|verp", drop=("localhost",))
