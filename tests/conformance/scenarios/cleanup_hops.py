"""hopcount_limit: counted with our own Received, dropped ones count too, sendmail mail bounces."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    hop = catch(t, hopcount_limit="4", header_checks="regexp:{{/^Received: from gone/ IGNORE}}"); t.start()
    for n in (1, 2, 3, 4):
        t.title(f"{n} hops"); t.send("s@z.example", "r@z.example", message(*[f"Received: from h{i} by h{i + 1}; x" for i in range(n)], *FULL)); t.drain(); hop.note(messages=False); hop.sessions.clear()
    t.title("removed ones count"); t.send("s@z.example", "r@z.example", message("Received: from gone by a; x", "Received: from gone by b; x", "Received: from c by d; x", "Received: from e by f; x", *FULL)); t.drain(); hop.note(messages=False); hop.sessions.clear()
    t.log("cleanup.*warning", "hop")
