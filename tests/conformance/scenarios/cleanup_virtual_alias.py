"""virtual_alias_maps: keys and their order, several results, recursion into itself, extensions, catch-all, quoted results."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.file("v", """list@v.example one@z.example, two@z.example
 three@z.example
self@v.example self@v.example, copy@z.example
deep1@v.example deep2@v.example
deep2@v.example deep3@v.example deep4@v.example
deep3@v.example end3@z.example
@catch.example caught@z.example
known@catch.example known@z.example
@move.example @moved.example
user@ext.example target@z.example
user+special@ext.example special@z.example
localuser remote@z.example
postmaster boss@z.example
quoted@v.example "hello world"@z.example
bare@v.example someone
""")
    hop = catch(t, virtual_alias_maps="texthash:/etc/postfix/v", recipient_delimiter="+"); t.start()
    for to in ("list@v.example", "self@v.example", "deep1@v.example", "x@catch.example", "known@catch.example", "a+b@move.example", "user+x@ext.example", "user+special@ext.example", "localuser", "localuser@example.test", "localuser+tag@foo.example.test", "localuser@[192.0.2.1]", "postmaster@example.test", "quoted@v.example", "bare@v.example", "LIST@V.EXAMPLE"):
        t.title(to); t.send("s@z.example", to, message(*FULL)); t.drain(); hop.note(messages=False); hop.sessions.clear()
    t.title("duplicates"); t.send("s@z.example", ["list@v.example", "one@z.example", "two@z.example", "two@z.example", "TWO@z.example"], message(*FULL)); t.drain(); hop.note(messages=False); hop.sessions.clear()
    t.main(enable_original_recipient="no", propagate_unmatched_extensions="canonical"); t.reload()
    t.title("duplicates, original recipients not kept"); t.send("s@z.example", ["list@v.example", "one@z.example", "two@z.example", "TWO@z.example", "user+x@ext.example"], message(*FULL)); t.drain(); hop.note(messages=False)
    t.log("cleanup.*(warning|error)", "to=<(one|two|TWO|target)@z")
