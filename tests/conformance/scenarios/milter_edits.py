"""Everything that a milter may change at the end of a message, alone and together, and two milters of which the second sees what the first has done."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *

OK = ("c", b"")
CASES = {
    "add": [add("X-New", "1"), add("X-Fold", "a\n b\nc"), add("X-Empty", ""), add("Received", "by milter"), OK],
    "insert": [insert(0, "X-First", "1"), insert(1, "X-Second", "2"), insert(3, "X-Fourth", "3"), insert(99, "X-Far", "4"), OK],
    "change": [change(1, "Subject", "changed"), change(2, "X-Twice", "second"), change(3, "X-Twice", "third, new"), change(1, "received", "as it was"), change(1, "x-folded", "flat"), OK],
    "delete": [change(1, "X-Folded", ""), change(2, "X-Twice", ""), change(1, "X-Nothing", ""), change(1, "Received", ""), OK],
    "noname": [change(1, "", "x"), OK],
    "from": [("e", z("new@z.example")), OK],
    "fromnull": [("e", z("<>")), OK],
    "fromargs": [("e", z("<new+x@z.example>", "RET=HDRS ENVID=a+2Bb SIZE=7 RET=x")), OK],
    "frommany": [("e", z("a@b.example, c@d.example")), OK],
    "addrcpt": [("+", z("<bob@example.test>")), ("+", z("list")), ("+", z("bob@example.test")), OK],
    "addpar": [("2", z("<bob@example.test>", "NOTIFY=NEVER ORCPT=rfc822;x+40y NOTIFY=SUCCESS WHAT=ever")), ("2", z("carol@example.test")), OK],
    "addbad": [("+", z("a@b.example, c@d.example")), ("+", z("")), OK],
    "delrcpt": [("-", z("<alice@example.test>")), ("-", z("nobody@example.test")), OK],
    "delall": [("-", z("alice@example.test")), ("-", z("bob@example.test")), OK],
    "swap": [("-", z("<alice@example.test>")), ("+", z("<carol@example.test>")), OK],
    "body": [("b", b"new body\r\n.with dot\r\n"), ("b", b"in pie"), ("b", b"ces\nno end\r"), OK],
    "empty": [("b", b""), OK],
    "longline": [("b", b"q" * 5000 + b"\r\n" + b"r" * 3000), OK],
    "twobodies": [("b", b"one\r\n"), add("X-Between", "1"), ("b", b"two\r\n"), OK],
    "holdbare": [("q", z("")), OK],
    "progress": [("p", b""), ("p", b""), add("X-Slow", "1"), OK],
    "addreject": [add("X-New", "1"), ("r", b"")],
    "addaccept": [add("X-New", "1"), ("a", b"")],
    "adddiscard": [add("X-New", "1"), ("d", b"")],
    "bodyreject": [("b", b"x\r\n"), reply("550 5.7.1 no body")],
    "bodyclose": [("b", b"x\r\n"), "close"],
    "long": [("m", b"\0\0\0\1"), OK], "noend": [("h", b"X\0y"), OK], "over": [("+", b"a\0b"), OK], "none": [("h", b""), OK], "what": [("?", b"x"), OK],
    "macrolist": [("l", b""), OK],
}
TEXT = "Subject: {0}\nX-Folded: a\n  b\nX-Twice: 1\nX-Twice: 2\nFrom: a@z.example\nTo: alice@example.test\n\nold body\nend\n"


def run(t):
    now = {}
    Milter("127.0.0.1:9903", {"eom": lambda: CASES.get(now.get("case"), [OK])})
    second = Milter("127.0.0.1:9904", {})
    P = ports(t, {"smtpd_milters": "inet:127.0.0.1:9903"}, {"smtpd_milters": "inet:127.0.0.1:9903, inet:127.0.0.1:9904"})
    t.file("virtual", "list@example.test bob@example.test, carol@example.test\n"); t.main(virtual_alias_maps="texthash:/etc/postfix/virtual", always_bcc="dave", milter_default_action="tempfail"); t.start()
    for case in CASES:
        now["case"] = case; t.note(f"{case}: " + mail(t, TEXT.format(case), to=["alice@example.test", "bob@example.test"] if case in ("delrcpt", "delall", "swap") else "alice@example.test", port=P[0]))
    for case in ("add", "change", "body", "insert", "delete"): now["case"] = case; t.note(f"{case} in two: " + mail(t, TEXT.format(case + " two"), port=P[1]))
    t.drain(); second.note(t, t.norm); t.showq()
    for who in ("alice", "bob", "carol", "dave"): t.mail(who)
    t.log("milter|warning|SMFI|Ignoring|ignoring|qmgr.*from=|removed|status=")
