"""Header syntax at its edges: blanks before the colon, folding, lines that are no header, 8-bit text, NUL, lone CR, endless headers."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    hop = catch(t, header_size_limit="1000", line_length_limit="512"); t.start()
    def go(what, body):
        t.title(what)
        s = t.smtp(quiet=True); s.cmd("EHLO c"); s.cmd("MAIL FROM:<s@z.example>"); s.cmd("RCPT TO:<r@z.example>"); s.cmd("DATA")
        s.raw(body.replace(b"\n", b"\r\n") + b".\r\n"); s.cmd("QUIT"); s.close(); t.drain(); hop.note(); hop.sessions.clear(); hop.messages.clear()
    full = "\n".join(FULL).encode() + b"\n"
    go("blanks before the colon", full + b"Subject : a\nX-Tab\t: b\nX Space: c\n\nbody\n")
    go("no header at all", b"just text\nmore\n")
    go("header ends with text", full + b"this is no header\nX-Not: a header\n\nbody\n")
    go("folded first line", b" folded\n" + full + b"\nbody\n")
    go("empty name, empty value, empty continuation", full + b": no name\nX-Empty:\nX-Fold: a\n \n\tb\n\nbody\n")
    go("From_ line", b"From s@z.example Mon Jan  1 00:00:00 2024\n" + full + b"\nbody\n")
    go(">From_ line", b">From s@z.example Mon Jan  1 00:00:00 2024\n" + full + b"\nbody\n")
    go("8-bit header", full + "Subject: gr\u00fc\u00dfe\n".encode() + b"X-Latin: \xe4\n\nbody \xe4\n")
    go("NUL", full + b"X-Nul: a\0b\n\nbo\0dy\n")
    go("lone CR", full + b"X-Cr: a\rb\n\nbo\rdy\r\n")
    go("long header line", full + b"X-Long: " + b"l" * 700 + b"\n\nbody\n")
    go("header too long", full + b"X-Long: start\n" + b"".join(b"\tcontinuation line number %03d of a header\n" % i for i in range(40)) + b"X-Next: kept\n\nbody\n")
    go("one line too long", full + b"X-Long: " + b"m" * 1500 + b"\nX-Next: kept\n\nbody\n")
    go("header in other case", b"FROM: a@z.example\ntO: b@z.example\nmessage-ID: <x@y>\nDATE: x\nRETURN-path: <gone@z.example>\n\nbody\n")
    t.log("cleanup.*message-id", "cleanup.*warning")
