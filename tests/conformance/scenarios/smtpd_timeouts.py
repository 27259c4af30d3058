"""Silent and vanished clients: smtpd_timeout at each stage, connections cut in the middle; replies and log lines."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def run(t):
    t.main(smtpd_timeout="1s"); t.start()
    steps = ["EHLO client.example.org", "MAIL FROM:<a@client.example.org>", "RCPT TO:<alice@example.test>", "DATA"]
    for n in (0, 1, 3, 4):
        s = t.smtp(src=STRANGER, dst=ME, quiet=True)
        for c in steps[:n]: ask(s, c)
        s.s.settimeout(6); t.note(f"silent after {n} commands: {ask(s, b'Subject: half' if n == 4 else b'')} | {ask(s, b'')}"); s.close()
    for n in (0, 1, 2, 3, 4):
        s = t.smtp(src=STRANGER, dst=ME, quiet=True)
        for c in steps[:n]: ask(s, c)
        if n == 4: s.s.sendall(b"Subject: half\r\n\r\nbody")
        time.sleep(0.2); s.close(); time.sleep(0.3)
    s = t.smtp(src=STRANGER, dst=ME, quiet=True)
    for c in steps[:3]: ask(s, c)
    s.s.sendall(b"BDAT 100\r\nabc"); time.sleep(0.2); s.close(); time.sleep(0.3)
    s = t.smtp(src=STRANGER, dst=ME, quiet=True); s.s.sendall(b"NOO"); time.sleep(0.2); s.close(); time.sleep(0.3)
    t.drain(); t.mail("alice"); t.log("lost|timeout|disconnect|connect from", drop=("localhost",))
