"""The built-in engine's replies to every command, right and wrong."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from screen import *


def run(t):
    P = screens(t, {"postscreen_pipelining_enable": "yes", "postscreen_greet_banner": "", "postscreen_command_count_limit": "100"}, {"postscreen_pipelining_enable": "yes", "postscreen_greet_banner": "", "postscreen_helo_required": "yes", "postscreen_disable_vrfy_command": "yes", "postscreen_discard_ehlo_keywords": "dsn, chunking, etrn", "message_size_limit": "0"})
    t.start()
    talk(t, P[0], A[0], "RCPT TO:<a>", "MAIL", "MAIL FROM", "VRFY", "VRFY x", "ETRN", "ETRN x", "HELO", "EHLO", "HELO  a b", "MAIL FROM:<a@z.example>", "RCPT", "RCPT TO", "RCPT TO:<\"a b\"@c.example>", "RCPT TO: bob@c.example x=y", "RCPT TO:<@r.example:bob@c.example>", "RCPT TO:<>", "MAIL FROM:<>",
         "EHLO c.example", "RCPT TO:<x>", "MAIL FROM:<\"q\\\"r\"@z.example> SIZE=5 BODY=8BITMIME", "rcpt to:<alice@example.test> NOTIFY=NEVER", "RSET", "RSET x", "RCPT TO:<x>", "NOOP a b", "HELP", "AUTH PLAIN x", "XCLIENT NAME=x", "XFORWARD NAME=x", "STARTTLS", "STARTTLS x", "", "  noop", "NOOP\tx", "EXPN x", title="all"); heard(t)
    for c in ("DATA", "DATA x", "BDAT", "BDAT 3", "QUIT", "QUIT x"): talk(t, P[0], A[1], c, title=f"{c}, without MAIL")
    for c in ("DATA", "BDAT 3 LAST"): talk(t, P[0], A[1], "MAIL FROM:<>", c, title=c)
    heard(t, drop=("CONNECT from",))
    talk(t, P[1], A[2], "MAIL FROM:<>", "ETRN x", "VRFY x", "VRFY", "EHLO c.example", "MAIL FROM:<a@z.example>", "BDAT 3", title="parameters"); heard(t)
