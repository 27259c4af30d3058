"""Which headers have addresses: every sender and recipient field and its Resent- form under canonical mapping, masquerading, myorigin and append_dot_mydomain; fields that look like them; folded, empty and repeated ones."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


FIELDS = ["From", "Sender", "Reply-To", "Errors-To", "Return-Path", "Return-Receipt-To", "Disposition-Notification-To", "To", "Cc", "Bcc", "Apparently-To", "Mail-Followup-To", "Mail-Reply-To", "Resent-From", "Resent-Sender", "Resent-Reply-To", "Resent-To", "Resent-Cc", "Resent-Bcc", "Delivered-To", "X-Original-To", "X-To", "List-Post", "In-Reply-To", "References", "Message-Id", "Received", "Original-Recipient", "Content-Id", "FROM ", "to", "Subject"]


def run(t):
    hop = catch(t, canonical_maps="inline:{a@example.test=A@canon.example, b@z.example=B@canon.example}", sender_canonical_maps="inline:{s@example.test=S@canon.example}", recipient_canonical_maps="inline:{r@example.test=R@canon.example}", masquerade_domains="big.example", append_dot_mydomain="yes"); t.start()
    each = "a, b@z.example, s, r, x@sub.big.example, host@name, plain (comment) <a>, \"q d\" <b@z.example>, G: a, s;"
    def go(what, drop=()):
        t.title(what)
        for f in FIELDS:
            if f in drop: continue
            t.send("s@example.test", "r@example.test", message(f"X-Field: {f}", f"{f}: {each}"))
        t.drain()
        for m in sorted(hop.messages, key=lambda m: (m.split(b"X-Field: ")[1].split(b"\r\n")[0].lower(), m.split(b"X-Field: ")[1].split(b"\r\n")[0])):
            text = m.decode().replace("\r\n", "\n"); f = text.split("X-Field: ")[1].split("\n")[0]; head = text.split("\n\n")[0].replace("\n\t", " ").replace("\n    ", " ")
            t.note(f"{f}: " + " || ".join(l for l in head.split("\n") if l.lower().startswith(f.strip().lower() + ":") or l.lower().startswith(f.lower())) or f"{f}: gone")
        hop.messages.clear(); hop.sessions.clear()
    go("all"); t.main(message_drop_headers="x-to, reply-to, resent-cc, subject, received"); t.reload(); go("dropped", drop=[f for f in FIELDS if f not in ("Reply-To", "X-To", "Resent-Cc", "Subject", "Bcc", "Return-Path", "Resent-Bcc")])
    t.send("s@example.test", "r@example.test", "To: a,\n b@z.example,\n\ts\nTo:\nCc: \nFrom: a\nFrom: s\nReply-To: undisclosed:;\nX-Field: odd\n\nx\n"); t.drain(); hop.note(headers=("to", "cc", "from", "reply-to"))
