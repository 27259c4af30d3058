"""postcat -q: all of a message, its envelope, headers, body, with offsets and record types."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import waiting


def run(t):
    waiting.calm(t)
    t.main(defer_transports="smtp")
    t.start()
    waiting.inject(t, "alice@example.test", "u@far.example v@far.example", body="Subject: y\nX-Long: one\n two\n\nhello\n world\n\nSubject: no header\n"); t.drain(); i = waiting.ids(t)[0]
    for o in ("", "-e", "-h", "-b", "-hb", "-d -h", "-bh -o"):
        out = t.sh(f"postcat {o} -q {i}", quiet=True); t.note(f"$ postcat {o} -q ID")
        for l in out.splitlines():
            l = t.norm(l.replace(i, "ID"))
            import re
            if not re.search("message_size|uid|pickup", l): t.note("  " + re.sub(r"^ *\d+ ", "N ", re.sub(r"deferred/./", "deferred/X/", l)) if "-o" in o else "  " + re.sub(r"deferred/./", "deferred/X/", l))
