"""Virtual aliases at the edges: virtual_alias_domains with and without an alias, owner of nothing, a recipient that is its own alias beside others, null recipient, empty_address_recipient, address literals, quoted and long local parts, tables in sequence."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *
from doors import *


def run(t):
    t.file("one", "self@z.example self@z.example, other@z.example\nloop@z.example loop2@z.example\nloop2@z.example loop@z.example\n@catch.example c1@z.example\nlit@[192.0.2.1] literal@z.example\n\"a b\"@z.example \"c d\"@z.example\nbare bareto\nx@old.example @new.example\nbig@z.example " + ", ".join(f"u{i}@z.example" for i in range(30)) + "\n")
    t.file("two", "self@z.example second@z.example\nonly@z.example from-two@z.example\nUPPER@z.example lower@z.example\ngroup@z.example G: a@z.example, b@z.example;\ncomment@z.example c@z.example (comment)\nprog@z.example |cmd\nfile@z.example /tmp/x\n")
    hop = catch(t, virtual_alias_maps="texthash:/etc/postfix/one, texthash:/etc/postfix/two", virtual_alias_domains="va.example", empty_address_recipient="empty-one", recipient_delimiter="+", myorigin="example.test"); t.start()
    for to in ("self@z.example", "loop@z.example", "who@catch.example", "who+ext@catch.example", "lit@[192.0.2.1]", '"a b"@z.example', "bare@example.test", "x+tag@old.example", "big@z.example", "only@z.example", "upper@z.example", "UPPER@Z.EXAMPLE", "group@z.example", "comment@z.example", "prog@z.example", "file@z.example", "no@va.example", "u@va.example"):
        r = mail(t, "Subject: x\n\nx\n", frm="f@z.example", to=to, src="127.0.0.1"); t.drain()
        t.note(f"{to}: {r.split(' queued')[0]}: " + " ".join(sorted(l[8:] for s in hop.sessions for l in s if l.startswith("RCPT")))); hop.sessions.clear(); hop.messages.clear()
    for to in ("", "<>", "self@z.example self@z.example only@z.example"): t.sendmail(f"-f f@z.example -i -- '{to}'" if " " not in to else f"-f f@z.example -i {to}", stdin="Subject: s\n\nx\n"); t.drain(); t.note(f"{to}: " + " ".join(sorted(l[8:] for s in hop.sessions for l in s if l.startswith("RCPT")))); hop.sessions.clear()
    once(t, "cleanup.*warning", "status=bounced")
