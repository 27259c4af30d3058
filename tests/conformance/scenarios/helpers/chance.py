"""Helpers of the scenarios that try what nobody would think of: choices that are the same in each run."""
import random
from doors import ask, quietly, STRANGER, ME


class Chance(random.Random):
    def some(self, pool, low, high): return [self.choice(pool) for _ in range(self.randint(low, high))]
    def maybe(self, share): return self.random() < share


def session(t, commands, src=STRANGER, dst=ME, port=25, first=None, content=("Subject: x\n\nx\n",), cut=90):
    """One session; the replies in one line, each with its command's first word. A tuple's text follows a 354."""
    s = t.smtp(src=src, dst=dst, port=port, greet=False, quiet=True)
    if first: s.s.sendall(first)
    try: out = [s.line()[:cut]]
    except (EOFError, OSError): out = ["(closed)"]
    for c in commands:
        if "(closed)" in out[-1]: break
        r = ask(s, c); shown = c if isinstance(c, str) else repr(c)
        if shown[:4].upper() in ("EHLO", "LHLO"): r = r.split(" / ")[0]
        out.append(f"{shown[:60]} -> {r.split(' queued')[0]}")
        if r.startswith("354"): out.append("(content) -> " + quietly(t, s, content[len(out) % len(content)]).split(" queued")[0])
    ask(s, "QUIT"); s.close()
    t.note("  " + " | ".join(out))


def without_numbers(t):
    """Queue IDs are alike: their order depends on who is quicker."""
    import re
    old = t.norm; t.norm = lambda text: re.sub(r"\bQ\d+\b", "Q", old(text))
