"""Lines around line_length_limit: what arrives, and what the size in the queue is."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.main(smtpd_client_restrictions="check_client_access static:HOLD", header_checks="regexp:{{/^X-Nothing/ IGNORE}}"); t.start()
    for n in (0, 1, 126, 127, 128, 129, 2046, 2047, 2048, 2049, 4095, 4096, 4097, 10000):
        t.send(f"n{n:05}@z.example", "r@z.example", message(*FULL, body="x" * n))
    t.send("h2047@z.example", "r@z.example", message(*FULL, "X-L: " + "h" * 2042)); t.send("h2048@z.example", "r@z.example", message(*FULL, "X-L: " + "h" * 2043)); t.send("h2049@z.example", "r@z.example", message(*FULL, "X-L: " + "h" * 2044))
    t.send("h5000@z.example", "r@z.example", message(*FULL, "X-L: " + "h" * 5000)); t.send("m0100@z.example", "r@z.example", message(*FULL, body="\n".join("line %d" % i for i in range(100))))
    t.drain(); sizes(t)
