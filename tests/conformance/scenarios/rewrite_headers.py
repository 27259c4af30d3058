"""Address lists in headers: comments, groups, routes, missing commas, long lists, odd names; remote_header_rewrite_domain and local_header_rewrite_clients."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


FIELDS = ("From: Joe User <joe> (work)", "To: a, b@c,d@e.example", "Cc: undisclosed:;, My Group: x, \"y z\"@w.example;, last", "Reply-To: joe user (two words)", "Sender: <joe>", "Errors-To: \"Quoted, Name\" <q>, (only a comment)", "Bcc: gone", "Return-Receipt-To: r", "Disposition-Notification-To: Dis P. <d>", "Mail-Followup-To: m", "Apparently-To: ap", "X-To: untouched",
          "Resent-To: " + ", ".join(f"long{i}" for i in range(20)))


def run(t):
    hop = catch(t, append_dot_mydomain="yes"); t.start()
    def go(what, src="127.0.0.1", fields=FIELDS, **kw):
        t.title(what)
        if kw: t.main(**kw); t.reload()
        t.send("s@z.example", "r@example.test", message(*fields, *FULL[2:]), src=src, dst=ME if src != "127.0.0.1" else src); t.drain(); hop.note(); hop.sessions.clear(); hop.messages.clear()
    go("local client"); go("stranger", src=STRANGER)
    go("stranger, with a domain for the incomplete", src=STRANGER, remote_header_rewrite_domain="invalid.example")
    go("everybody is local", src=STRANGER, local_header_rewrite_clients="static:all")
    go("nobody is local", remote_header_rewrite_domain="", local_header_rewrite_clients="")
    go("odd lists", local_header_rewrite_clients="permit_inet_interfaces", fields=("From: <>", "To: <@r.example:u>, <a b@c>", "Cc: " + "(" + "c" * 300 + ") x <y@z.example>", "Reply-To: u@[192.0.2.1], \"a@b\"@c, a\\ b@c", "Sender: ,,, x ,,", "Errors-To: (unclosed comment", "Mail-Followup-To: \"unclosed quote", "Resent-To: =?utf-8?q?J=C3=B6rg?= <j>"))
    t.log("cleanup.*warning")
