"""Helpers of the postscreen scenarios: several of them with settings of their own, stock lines behind them."""
import socket, time
from doors import ask

A = [f"203.0.113.{i}" for i in range(10, 20)]
ME = "192.0.2.1"
STOCK = "dnsblog unix - - n - 0 dnsblog\ntlsproxy unix - - n - 0 tlsproxy\n"
PASS = "smtpd pass - - n - - smtpd\n"


def screens(t, *variants, base=2001, behind=PASS):
    """One postscreen for each set of settings, on ports from BASE up, and what stands behind them. Before start()."""
    t.master(STOCK + behind)
    for i, kw in enumerate(variants):
        kw = {"postscreen_greet_wait": "1s", "postscreen_cache_map": f"btree:$data_directory/screen{base + i}", **kw}
        t.master(f"{base + i} inet n - n - 1 postscreen\n" + "".join(f"  -o {{ {k} = {v} }}\n" for k, v in kw.items()))
    return [base + i for i in range(len(variants))]


def call(t, port, src, dst=ME):
    """A connection; nothing is read yet."""
    return t.smtp(src=src, dst=dst, port=port, quiet=True, greet=False)


def line(s):
    """One line, whatever it is."""
    try: return s.line()
    except (EOFError, ConnectionResetError, BrokenPipeError): return "(closed)"
    except (TimeoutError, socket.timeout): return "(no reply)"


def greeting(s):
    """All lines of the greeting."""
    lines = [line(s)]
    while lines[-1][3:4] == "-": lines.append(line(s))
    return " / ".join(lines)


def talk(t, port, src, *commands, dst=ME, early=None, title=None):
    """One session, each command and its reply in one line; EARLY is said before the greeting."""
    s = call(t, port, src, dst)
    if title: t.title(title)
    if early:
        first = line(s) if early[0] == "wait" else None
        if first: t.note(first)
        s.s.sendall(early[-1])
    t.note(greeting(s))
    for c in commands:
        r = ask(s, c)
        t.note(f"{c if isinstance(c, str) else repr(c[:120])} -> {r}")
        if "(closed)" in r: break
    else:
        if commands: ask(s, "QUIT")
    s.close()


def heard(t, *more, drop=()):
    """What postscreen and its company have logged."""
    time.sleep(0.3); t.log("/postscreen:|/dnsblog:|/tlsproxy:", *more, drop=drop); t.logs.clear()
