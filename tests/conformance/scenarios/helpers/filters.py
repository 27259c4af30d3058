"""Helpers of the scenarios about other programs that look at mail: a milter, a policy server, a proxy filter."""
import os, re, socket, struct, threading, time

EVENTS = {"C": "connect", "H": "helo", "M": "mail", "R": "rcpt", "T": "data", "L": "header", "N": "eoh", "B": "body", "E": "eom", "A": "abort", "Q": "quit",
          "U": "unknown", "O": "optneg", "D": "macro"}


def listen(where):
    if where.startswith("/"):
        l = socket.socket(socket.AF_UNIX); l.bind(where); os.chmod(where, 0o666)
    else:
        host, port = where.rsplit(":", 1)
        l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind((host, int(port)))
    l.listen(50)
    return l


class Server:
    def __init__(self, where):
        self.listener = listen(where); threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try: c, _ = self.listener.accept()
            except OSError: return
            threading.Thread(target=self._safe, args=(c,), daemon=True).start()

    def _safe(self, c):
        try: self.serve(c)
        except (OSError, EOFError, ValueError, struct.error): pass
        finally: c.close()


def z(*texts): return b"".join(t.encode() + b"\0" for t in texts)
def add(name, value): return ("h", z(name, value))
def insert(index, name, value): return ("i", struct.pack("!I", index) + z(name, value))
def change(index, name, value): return ("m", struct.pack("!I", index) + z(name, value))
def reply(text): return ("y", z(text))


class Milter(Server):
    """ANSWERS maps an event, or an event and what it is about (`rcpt a@b`, `header Subject`), to replies (code, data), bytes to be sent as they
    are, None (silence) or "close"; others are answered by continue. OFFER is the answer to the negotiation: version, actions, steps, macro lists."""

    def __init__(self, where, answers=None, offer=(6, 0x1ff, 0), lists=(), macros=False):
        self.answers, self.offer, self.lists, self.macros, self.sessions = dict(answers or {}), offer, lists, macros, []
        super().__init__(where)

    def serve(self, c):
        f = c.makefile("rwb"); seen = []; self.sessions.append(seen); macros = {}
        while True:
            head = f.read(4)
            if len(head) < 4: seen.append("(closed)"); return
            packet = f.read(struct.unpack("!I", head)[0]); code, data = chr(packet[0]), packet[1:]; name = EVENTS.get(code, code)
            if code == "O":
                seen.append("optneg " + " ".join(hex(n) for n in struct.unpack("!III", data[:12])))
                if "optneg" not in self.answers:
                    self.put(f, ("O", struct.pack("!III", *self.offer) + b"".join(struct.pack("!I", n) + z(t) for n, t in self.lists))); continue
            words = [w.decode("utf-8", "replace") for w in data.split(b"\0")]
            if code == "D":
                pairs = [words[0][1:]] + words[1:-1]
                macros[words[0][:1]] = " ".join(f"{k}={v}" for k, v in zip(pairs[::2], pairs[1::2]) if k not in ("v", "{client_port}"))
                continue
            about = ""
            if code == "C":
                host, _, rest = data.partition(b"\0"); about = f"{host.decode()} {rest[:1].decode()} {rest[3:].rstrip(bytes(1)).decode()}"
            elif code in "HMRU": about = " ".join(w for w in words if w)
            elif code == "L": about = f"{words[0]}:{words[1]!r}"
            elif code == "B": about = repr(data.decode("utf-8", "replace")) if len(data) < 300 else f"({len(data)} bytes)"
            if code != "O": seen.append(f"{name} {about}".rstrip() + (f"   [{macros.pop(code, '')}]" if self.macros else ""))
            if code == "Q": return
            if code == "A": continue
            if name in self.quiet(): continue
            key = re.sub("[<>]", "", words[0]) if code in "HMRUL" else ""
            answer = self.answers.get(f"{name} {key}", self.answers.get(name, [("c", b"")]))
            answer = answer() if callable(answer) else answer
            if answer is None: continue
            for one in answer if isinstance(answer, list) else [answer]:
                if one == "close": f.flush(); return
                self.put(f, one)

    def quiet(self):
        steps = {"connect": 12, "helo": 13, "mail": 14, "rcpt": 15, "data": 16, "unknown": 17, "eoh": 18, "body": 19, "header": 7}
        return {n for n, bit in steps.items() if self.offer[2] >> bit & 1}

    @staticmethod
    def put(f, one):
        f.write(one if isinstance(one, bytes) else struct.pack("!I", len(one[1]) + 1) + one[0].encode() + one[1]); f.flush()

    def note(self, t, norm=lambda x: x):
        for i, seen in enumerate(self.sessions):
            t.note(f"milter session {i + 1}:")
            for l in seen: t.note("  " + norm(l))


class Filter(Server):
    """A content filter that speaks SMTP. ANSWERS maps the first word of a command, `.` or `connect` to a reply, None (silence), "close", or a function of
    the command; with ONWARD, a port, each message goes there with a header of the filter's own. Sessions are in .sessions."""

    def __init__(self, where, answers=None, offer=("PIPELINING", "8BITMIME", "XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT"), onward=None):
        self.answers, self.offer, self.onward, self.sessions = dict(answers or {}), offer, onward, []
        super().__init__(where)

    def serve(self, c):
        f = c.makefile("rwb"); seen = []; self.sessions.append(seen); commands = []
        def say(key, text, line=""):
            text = self.answers.get(key, text); text = text(line) if callable(text) else text
            if text is None: time.sleep(3); raise EOFError
            if text == "close": raise EOFError
            f.write(text.encode() + b"\r\n"); f.flush()
            return text[:1] in "23"
        say("connect", "220 filter")
        while True:
            line = f.readline()
            if not line: seen.append("(closed)"); return
            line = line.decode("utf-8", "replace").rstrip("\r\n"); seen.append(line); word = line.split(" ")[0].upper()
            if word == "EHLO": say("EHLO", "\r\n".join(f"250{'-' if i < len(self.offer) else ' '}{w}" for i, w in enumerate(("filter", *self.offer)))); continue
            if word in ("MAIL", "RCPT", "XFORWARD"): commands.append(line)
            if word == "QUIT": say("QUIT", "221 bye"); return
            if word != "DATA": say(word, "250 ok", line); continue
            if not say("DATA", "354 go"): continue
            content = []
            while True:
                l = f.readline()
                if not l: seen.append("(closed in content)"); return
                if l == b".\r\n": break
                content.append(l)
            seen.extend("| " + l.decode("utf-8", "replace").rstrip("\r\n") for l in content); reply = "250 2.0.0 filtered"
            if self.onward: reply = self.pass_on(commands, content)
            say(".", reply); commands.clear()

    def pass_on(self, commands, content):
        s = socket.create_connection(("127.0.0.1", self.onward), 10); g = s.makefile("rwb")
        def reply():
            while True:
                l = g.readline().decode()
                if l[3:4] != "-": return l.rstrip("\r\n")
        reply(); last = ""
        for c in ["EHLO filter", *commands, "DATA"]:
            g.write(c.encode() + b"\r\n"); g.flush(); last = reply()
            if last[:1] in "45": return last
        g.write(b"X-Filtered: yes\r\n" + b"".join(content) + b".\r\n"); g.flush(); last = reply(); g.write(b"QUIT\r\n"); g.flush(); s.close()
        return last

    def note(self, t):
        for i, seen in enumerate(self.sessions):
            t.note(f"filter session {i + 1}:")
            for l in seen: t.note("  " + re.sub(r"(PORT=)\d+", r"\1N", t.norm(l)))
