"""Bodies of random lines, short, long and very long, with and without checks on them, and where the header ends: what arrives, line by line."""
import pathlib, re, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *
from chance import *

LINES = ["", "x", "word here", "L" * 599, "L" * 600, "L" * 601, "L" * 1199, "L" * 1200, "L" * 1250, "L" * 1500, " lead", "\tlead", "evil word", "evil " + "e" * 700, "e" * 700 + " evil", ":", "a:b", "From x", ".", "..", "ü" * 60, "-- "]


def run(t):
    hop = catch(t, smtpd_hard_error_limit="1000", line_length_limit="600", smtp_line_length_limit="0", body_checks_size_limit="2400"); t.file("b", "/^evil/ WARN start\n/evil$/ REPLACE good\n/^L{600}$/ INFO full\n/^x$/ IGNORE\n/^word/ PREPEND before\n"); t.start(); r = Chance(23)
    for checks in ("", "regexp:/etc/postfix/b"):
        t.title(checks); t.main(body_checks=checks); t.reload(); hop.messages.clear()
        for i in range(35):
            lines = r.some(LINES, 1, 8); got = mail(t, f"X-Id: {i}\n" + ("Subject: s\n\n" if i % 3 else "") + "\n".join(lines) + "\n", to="r@example.test"); t.note(f"{i}: {got.split(' queued')[0]}")
        t.drain(40)
        for m in sorted(hop.messages, key=lambda m: int(re.search(rb"X-Id: (\d+)", m)[1])): t.note(re.sub(r"L{20,}|e{20,}|ü{20,}", lambda x: f"<{len(x[0])}>", re.sub(r"Received: from.*?\n(?=\S)|(Message-Id|Date|From|MAIL|RCPT).*?\n(?=\S|\n|\r)", "", m.decode("utf-8", "replace"), flags=re.S)).replace("\r\n", "\n").replace("\n", " / "))
    without_numbers(t); t.log("cleanup: .*(warning|info|prepend|replace|strip|reject)", drop=("localhost",))
