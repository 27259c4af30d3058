"""Helpers for the scenarios about odd configurations."""
import pathlib, re, socket, time

MASTER, MAIN = pathlib.Path("/etc/postfix/master.cf"), pathlib.Path("/etc/postfix/main.cf")
#: what we say more: at a start Postfix reads nothing that no process has asked for yet
OURS = (r"postfix-script: warning", r"there is no program")


def talk(t, port):
    """One message to alice; the last line of each reply. A service that has died says nothing."""
    said = []
    try:
        s = socket.create_connection(("127.0.0.1", port), 2); s.settimeout(0.8)
        for c in (None, "EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<alice@example.test>", "DATA", f"Subject: {port}\r\n\r\n.", "QUIT"):
            if c: s.sendall(c.encode() + b"\r\n")
            said.append((s.recv(4096).decode(errors="replace").strip().splitlines() or ["(closed)"])[-1])
            if said[-1][0] not in "23": break
    except socket.timeout: said.append("(silent)")
    except OSError as e: said.append(f"({e.strerror})")
    t.note(f"{port}: {said[0]} … {said[-1]}" if len(said) > 1 else f"{port}: {said[0]}")


def each(t, *cases, drop=()):
    """Starts the system on each configuration: (what, main.cf, master.cf or a change of it)."""
    old = t.norm
    t.norm = lambda text: re.sub(r"/usr/lib\S*/(?=(smtpd|local|smtp|qmgr|cleanup|virtual|pipe)\b)", "DIR/", re.sub(r"\bQ\d+\b", "Q", old(text)))
    main, master = MAIN.read_text(), MASTER.read_text() + f"2001 inet n - n - - smtpd -o smtpd_banner=second\n"
    for what, add, change in cases:
        t.title(what); t.logs.clear()
        names = [l.split("=")[0].strip() for l in add.splitlines()]
        MAIN.write_text("".join(l for l in main.splitlines(True) if l.split("=")[0].strip() not in names) + add + "\n")
        MASTER.write_text(change(master) if callable(change) else master + change + "\n")
        t.sh("rm -f /var/mail/*; postfix start >/dev/null 2>&1"); time.sleep(0.3)
        for port in (25, 2001): talk(t, port)
        time.sleep(1.4)
        box = pathlib.Path("/var/mail/alice"); t.note(f"mailbox: {box.read_text().count('Subject: ') if box.exists() else 0}")
        t.log(r"fatal|error|warning|panic|status=(?!sent)", drop=OURS + drop + (r"not owned|group or other|to see|postmaster",))
        t.sh("postfix stop >/dev/null 2>&1; postsuper -d ALL >/dev/null 2>&1", quiet=True)


def option(text):
    """Puts -o on the second SMTP service."""
    return lambda master: master.replace("smtpd_banner=second", f"smtpd_banner=second {text}")
