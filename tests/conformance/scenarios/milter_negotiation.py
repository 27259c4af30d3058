"""What milters agree to: older versions, events they do not want or do not answer, leading blanks; smtpd_milter_maps and no_milters."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from filters import *

OFFERS = {"two": (2, 0x3f, 0), "three": (3, 0x3f, 0), "four": (4, 0x3f, 0), "one": (1, 0x3f, 0), "nothing": (6, 0x1ff, 0x37f), "silent": (6, 0x1ff, 0xff080 & ~0x700), "blanks": (6, 0x1ff, 1 << 20), "nobody": (6, 0x1ff, 1 << 4), "few": (6, 0, 1 | 2 | 1 << 5)}


def run(t):
    milters = {n: Milter(f"127.0.0.1:{9920 + i}", {"eom": [add("X-Milter", " " + n), ("c", b"")]}, offer=o) for i, (n, o) in enumerate(OFFERS.items())}
    skipper = Milter("127.0.0.1:9940", {"body": ("s", b""), "rcpt": ("s", b"")})
    t.file("maps", "198.51.100.7 inet:127.0.0.1:9920\n127.0.0.1 DISABLE\n")
    P = ports(t, *[{"smtpd_milters": f"inet:127.0.0.1:{9920 + i}"} for i in range(len(OFFERS))], {"smtpd_milters": "inet:127.0.0.1:9940"}, {"smtpd_milters": "inet:127.0.0.1:9922", "milter_protocol": "2"}, {"smtpd_milters": "inet:127.0.0.1:9920", "milter_protocol": "3, no_header_reply"},
              {"smtpd_milters": "inet:127.0.0.1:9922", "smtpd_milter_maps": "texthash:/etc/postfix/maps"}, {"smtpd_milters": "inet:127.0.0.1:9920", "receive_override_options": "no_milters"}, {"smtpd_milters": "{ unix:/tmp/x.sock, protocol=4 }"})
    x = Milter("/tmp/x.sock", offer=(4, 0x3f, 0)); t.main(milter_default_action="accept"); t.start()
    for p in P: talk(t, "XYZZY", "MAIL FROM:<a@z.example>", "RCPT TO:<alice@example.test>", "RCPT TO:<bob@example.test>", "DATA", ("Subject: s\nX-Blank:  two\n\n" + "b" * 70000 + "\nend\n",), port=p)
    t.note("from here: " + mail(t, "Subject: disabled\n\n", src="127.0.0.1", port=P[-3]))
    t.drain()
    for n, m in milters.items(): t.title(n); m.note(t, t.norm)
    t.title("skip"); skipper.note(t, t.norm); x.note(t, t.norm); t.log("milter|warning")
