"""Content on its way: leading dots, no line end at the end, empty message, lines that are too long, NUL and lone CR."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t)
    s = onward.site(t, "c.example", "203.0.113.10")
    short = t.sink("203.0.113.11", 2700, name="short"); t.master("short unix - - n - - smtp\n  -o smtp_line_length_limit=40"); t.master("endless unix - - n - - smtp\n  -o smtp_line_length_limit=0")
    endless = t.sink("203.0.113.12", 2700, name="endless")
    t.main(transport_maps="inline:{ s.example=short:[203.0.113.11]:2700, e.example=endless:[203.0.113.12]:2700 }", line_length_limit="1000")
    t.start()
    t.send("", ["dots@c.example"], body="Subject: dots\n\n.\n..\n.x\nx.\n...\n")
    t.send("", ["long@c.example"], body="Subject: long\n\n" + "a" * 998 + "\n" + "b" * 999 + "\n" + "c" * 2500 + "\n." + "d" * 998 + "\n")
    t.send("", ["head@c.example"], body="Subject: " + "word " * 260 + "\n\nshort\n")
    t.send("", ["short@s.example"], body="Subject: short\n\n" + "abcdefghij" * 4 + "\n" + "abcdefghij" * 4 + "x\n." + "abcdefghij" * 9 + "\n")
    t.send("", ["long@e.example"], body="Subject: endless\n\n" + "e" * 3000 + "\n")
    t.sendmail("-i noend@c.example", "Subject: no end\n\nlast line without end"); t.sendmail("-i empty@c.example", "")
    t.drain()
    t.log(r"breaking line|status=")
    s.note(headers=("subject",)); short.note(headers=("subject",)); endless.note(headers=("subject",))
