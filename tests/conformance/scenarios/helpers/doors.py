"""Helpers of the smtpd scenarios: one line a command, several services, raw sessions."""
import socket, time

STRANGER, ME = "198.51.100.7", "192.0.2.1"


def ask(s, c, replies=1):
    """Sends a command (str) or raw bytes; the replies in one line, nothing noted."""
    try: s.s.sendall(c if isinstance(c, bytes) else c.encode("utf-8", "surrogateescape") + b"\r\n")
    except OSError: return "(closed)"
    out = []
    for _ in range(replies):
        lines = []
        try:
            while True:
                lines.append(s.line())
                if lines[-1][3:4] != "-": break
        except (TimeoutError, socket.timeout): lines.append("(no reply)")
        except (EOFError, OSError): lines.append("(closed)")
        out.append(" / ".join(lines))
        if lines[-1] == "(closed)": break
    return " | ".join(out)


def talk(t, *commands, src=STRANGER, dst=ME, port=25, after=None, helo="EHLO client.example.org"):
    """One session, each command and its reply in one line; AFTER each 2xx reply a reset, say."""
    s = t.smtp(src=src, dst=dst, port=port, quiet=True)
    if helo: ask(s, helo)
    for c in commands:
        if isinstance(c, tuple): r = quietly(t, s, c[0])
        else: r = ask(s, c)
        shown = "(content)" if isinstance(c, tuple) else c if isinstance(c, str) else repr(c[:120])
        t.note(f"{shown[:160]} -> {r}")
        if "(closed)" in r: break
        if after and r[:1] == "2": ask(s, after)
    ask(s, "QUIT"); s.close()


def quietly(t, s, text):
    note, t.note = t.note, lambda x: None
    try: return s.data(text)
    finally: t.note = note


def ports(t, *variants, base=2001):
    """One more smtpd for each set of settings, by -o in master.cf, on ports from BASE up. Before start()."""
    for i, kw in enumerate(variants):
        t.master(f"{base + i} inet n - n - - smtpd\n" + "".join(f"  -o {{ {k} = {v} }}\n" for k, v in kw.items()))
    return [base + i for i in range(len(variants))]


def mail(t, content, frm="a@client.example.org", to="alice@example.test", src=STRANGER, port=25, raw=False, args=""):
    """One whole transaction; the last reply."""
    s = t.smtp(src=src, dst=ME, port=port, quiet=True); ask(s, "EHLO client.example.org")
    r = ask(s, f"MAIL FROM:<{frm}>{args}")
    for one in [to] if isinstance(to, str) else to: r = ask(s, f"RCPT TO:<{one}>")
    r = ask(s, "DATA")
    if r.startswith("354"): r = ask(s, content) if raw else quietly(t, s, content)
    ask(s, "QUIT"); s.close()
    return r
