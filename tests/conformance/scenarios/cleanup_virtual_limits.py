"""Virtual alias expansion beyond its limits: nesting, size, length of an address; a table that fails."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.file("v", "many@v.example " + ", ".join(f"m{i}@z.example" for i in range(8)) + "\n" + "".join(f"n{i}@v.example n{i + 1}@v.example\n" for i in range(8))
           + "long@v.example " + "x" * 60 + "@z.example\ngrow@v.example grow2@v.example x@z.example\ngrow2@v.example grow@v.example y@z.example\nnonsense@v.example ,,,\n")
    hop = catch(t, virtual_alias_maps="texthash:/etc/postfix/v", virtual_alias_expansion_limit="6", virtual_alias_recursion_limit="5", virtual_alias_address_length_limit="50"); t.start()
    for to in ("many@v.example", "n0@v.example", "n5@v.example", "long@v.example", "grow@v.example", "nonsense@v.example", "ok@z.example"):
        t.title(to); t.send("s@z.example", ["first@z.example", to], message(*FULL)); t.drain(); hop.note(messages=False); hop.sessions.clear()
    t.main(virtual_alias_maps="texthash:/etc/postfix/v, fail:1temporary"); t.reload()
    t.title("failing table"); t.send("s@z.example", "a@z.example", message(*FULL)); t.send("s@z.example", "n7@v.example", message(*FULL)); t.drain(); hop.note(messages=False)
    t.log("cleanup.*warning")
