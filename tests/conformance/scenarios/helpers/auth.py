"""A scripted Dovecot auth server, and clients that log in."""
import base64, os, pathlib, socket, threading, time

HELLO = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\nMECH\tCRAM-MD5\tdictionary\tactive\nMECH\tANONYMOUS\tanonymous\nMECH\tTOKEN-KEY\tprivate\nSPID\t7\nCUID\t1\nCOOKIE\t00\nDONE\n"


def b64(text): return base64.b64encode(text.encode()).decode()


def plain(user, password="secret"): return b64(f"\0{user}\0{password}")


def answer(words, last):
    """PLAIN and LOGIN: the name says what happens, whatever the password."""
    kind, number, rest = words[0], words[1], words[2:]
    if kind == "AUTH":
        mech, resp = rest[0].upper(), [w[5:] for w in rest if w.startswith("resp=")]
        last[number] = [mech]
        if mech == "LOGIN" and not resp: return f"CONT\t{number}\t{b64('Username:')}\n"
        if mech == "LOGIN": last[number].append(resp[0]); return f"CONT\t{number}\t{b64('Password:')}\n"
        if not resp: return f"CONT\t{number}\t\n"
        got = resp[0]
    else:
        got = rest[0] if rest else ""
        if last[number][0] == "LOGIN" and len(last[number]) == 1:
            last[number].append(got); return f"CONT\t{number}\t{b64('Password:')}\n"
    try:
        raw = base64.b64decode(last[number][1] if last[number][0] == "LOGIN" else got).decode()
    except Exception:
        return f"FAIL\t{number}\treason=Invalid base64 data\n"
    user = raw.split("\0")[1] if "\0" in raw else raw
    return verdict(number, user)


def verdict(number, user):
    return {
        "bad": f"FAIL\t{number}\tuser=bad\n", "why": f"FAIL\t{number}\tuser=why\treason=Account is locked\n",
        "temp": f"FAIL\t{number}\tuser=temp\ttemp\n", "nobody": f"FAIL\t{number}\n", "noname": f"OK\t{number}\n",
        "nodata": f"CONT\t{number}\n", "other": f"NOTE\tx\nOK\t999\tuser=x\nOK\t{number}\tuser=other\n", "short": "OK\n" + f"FAIL\t{number}\tuser=short\n",
        "hang": "", "drop": None, "odd": f"OK\t{number}\tuser=o\x01d(d\\\n",
    }.get(user, f"OK\t{number}\tuser={user}\n")


class Auth:
    """Speaks for Dovecot at PLACE; SEEN has what it was asked, without what differs from run to run."""
    def __init__(self, place="/var/spool/postfix/private/auth", hello=HELLO, reply=answer):
        self.place, self.hello, self.reply, self.seen, self.open = place, hello, reply, [], []
        self.begin()

    def begin(self):
        if isinstance(self.place, tuple):
            self.s = socket.create_server(self.place)
        else:
            p = pathlib.Path(self.place); p.parent.mkdir(parents=True, exist_ok=True)
            if p.exists(): p.unlink()
            self.s = socket.socket(socket.AF_UNIX); self.s.bind(str(p)); os.chmod(p, 0o666); self.s.listen(20)
        threading.Thread(target=self.accept, args=(self.s,), daemon=True).start()

    def stop(self):
        self.s.close()
        if not isinstance(self.place, tuple): os.unlink(self.place)
        for c in self.open:
            try: c.shutdown(socket.SHUT_RDWR)
            except OSError: pass
            c.close()
        self.open = []

    def accept(self, s):
        while True:
            try: c, _ = s.accept()
            except OSError: return
            self.open.append(c)
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        last, f = {}, c.makefile("rb")
        try:
            if callable(self.hello): self.hello(c)
            else: c.sendall(self.hello.encode())
            for line in f:
                words = line.decode("utf-8", "replace").rstrip("\n").split("\t")
                self.seen.append("\t".join(w for i, w in enumerate(words) if i != 1 or words[0] == "VERSION"))
                if words[0] not in ("AUTH", "CONT"): continue
                r = self.reply(words, last)
                if r is None: break
                c.sendall(r.encode())
        except (OSError, ValueError, KeyError): pass
        try: c.shutdown(socket.SHUT_RDWR)
        except OSError: pass
        c.close()

    def note(self, t, only="AUTH|CONT"):
        """What the server was asked, each question once."""
        time.sleep(0.2)
        for line in dict.fromkeys(l for l in self.seen if l.split("\t")[0] in only.split("|")):
            t.note("asked: " + line.replace("\t", " "))


def sasl(t, **more):
    """SASL with the scripted server on every smtpd line."""
    settings = dict(smtpd_sasl_auth_enable="yes", smtpd_sasl_type="dovecot", smtpd_sasl_path="private/auth"); settings.update(more)
    t.main(**settings)
