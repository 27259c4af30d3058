"""Resent- headers: which are added, and what is logged."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    hop = catch(t); t.start()
    def go(what, *fields, frm="me@z.example"):
        t.title(what); t.send(frm, "r@z.example", message(*FULL, *fields)); t.drain(); hop.note(); hop.sessions.clear(); hop.messages.clear()
    go("only Resent-To", "Resent-To: you@z.example")
    go("all there", "Resent-From: a@z.example", "Resent-To: b", "Resent-Date: x", "Resent-Message-Id: <r@z.example>")
    go("Resent-Bcc is dropped", "Resent-Bcc: secret@z.example", "Resent-Sender: a", "Resent-Reply-To: b")
    go("null sender", "Resent-Date: x", frm="")
    go("not a Resent field", "Resent-Subject: x")
    t.log("message-id")
