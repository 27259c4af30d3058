"""smtpd_timeout by request and by read, smtpd_per_request_deadline with smtpd_min_data_rate, in commands, DATA and BDAT; what the client hears and the log says."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    P = ports(t, {"smtpd_timeout": "2s", "smtpd_per_request_deadline": "yes", "smtpd_min_data_rate": "1000"}, {"smtpd_timeout": "2s", "smtpd_per_record_deadline": "yes"}, {"smtpd_timeout": "2s", "smtpd_per_request_deadline": "no"}, {"smtpd_timeout": "2s", "smtpd_per_request_deadline": "yes", "smtpd_min_data_rate": "10"}); t.start()
    import threading
    rows = {}
    def drip(what, p, start, piece, pause, count):
        s = t.smtp(src=STRANGER, dst=ME, port=p, quiet=True); s.s.settimeout(8)
        for c in start: ask(s, c)
        try:
            for _ in range(count): s.s.sendall(piece); time.sleep(pause)
        except OSError: pass
        rows[what] = f"{what}: " + ask(s, b"").replace(" Error: timeout exceeded", " (timeout)"); s.close()
    begin = ("EHLO c.example", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>")
    jobs = []
    for i, p in enumerate(P):
        jobs += [(f"{i} command", p, ("EHLO c.example",), b"N", 0.5, 8), (f"{i} data", p, begin + ("DATA",), b"x", 0.5, 8), (f"{i} chunk", p, begin, b"BDAT 500\r\n" + b"x" * 9, 0.5, 8)]
    T = [threading.Thread(target=drip, args=j) for j in jobs]
    for x in T: x.start()
    for x in T: x.join()
    for what in sorted(rows): t.note(rows[what])
    t.log("warning", drop=("localhost",))
