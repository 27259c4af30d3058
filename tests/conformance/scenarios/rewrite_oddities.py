"""Addresses in odd forms in the envelope and in headers: routes, bang paths, percent, dots, quotes, literals; each switch of rewriting."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


ODD = ["bob", "bob@site", "bob@site.", "bob@site.example.", "bob%site.example", "bob%site.example@example.test", "site.example!bob", "a!b!bob", "site.example!bob@example.test", "@r.example:bob@site.example", "@r.example,@s.example:bob@site.example",
       "\"bob smith\"@site.example", "\"bob@x.example\"@example.test", "\"bob%x.example\"@example.test", "bob@[192.0.2.1]", "bob@[203.0.113.5]", "\"\"@site.example", "bob@example.test@example.test", "b.o.b@site.example", "\"b..b\"@site.example", "BOB@EXAMPLE.TEST", "postmaster"]


def run(t):
    hop = catch(t, append_dot_mydomain="yes"); t.start()
    def go(what, **kw):
        t.title(what)
        if kw: t.main(**kw); t.reload()
        for a in ODD:
            s = t.smtp(quiet=True); s.cmd("EHLO c"); s.cmd("MAIL FROM:<s@z.example>"); r = s.cmd(f"RCPT TO:<{a}>"); t.note(f"{a} -> {r}")
            if r[:3] == "250": s.cmd("DATA"); s.data(message("From: x@z.example", f"To: {a}", f"Cc: Name <{a}>", *FULL[2:]))
            s.cmd("QUIT"); s.close()
        t.drain(); hop.note(headers=("to", "cc")); hop.sessions.clear(); hop.messages.clear()
        t.log("to=<.*status=(bounced|deferred)"); t.logs.clear()
    go("defaults")
    go("all off", swap_bangpath="no", allow_percent_hack="no", append_at_myorigin="no", append_dot_mydomain="no", resolve_dequoted_address="no")
