"""message_drop_headers: the default set, one of our own, and fields that cannot be dropped."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    hop = catch(t); t.start()
    body = message(*FULL, "Bcc: a@z.example", "Return-Path: <b@z.example>", "Content-Length: 5", "Resent-Bcc: c@z.example", "X-Spam: yes", "Content-Type: text/plain", "Received: from a by b; x", "Sender: joe", "Status: RO", body="Bcc: in body")
    t.send("s@z.example", "r@z.example", body); t.sendmail("-f s@z.example r@z.example", body); t.drain(); hop.note(); hop.sessions.clear(); hop.messages.clear()
    t.main(message_drop_headers="x-spam, Content-Type, RECEIVED sender"); t.reload()
    t.send("s@z.example", "r@z.example", body); t.drain(); hop.note(); t.log("cleanup.*(message-id|warning)")
