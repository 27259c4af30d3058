"""A scripted saslauthd, and the smtpd.conf that leads to it."""
import os, pathlib, socket, struct, threading

REPLIES = {"joe": b"OK", "jane": b"OK welcome", "bad": b"NO", "why": b"NO authentication failed", "odd": b"MAYBE", "empty": b"", "drop": None}


class Saslauthd:
    def __init__(self, place="/tmp/sasl/mux"):
        self.place, self.seen = place, []
        self.begin()

    def begin(self):
        p = pathlib.Path(self.place); p.parent.mkdir(parents=True, exist_ok=True)
        if p.exists(): p.unlink()
        self.s = socket.socket(socket.AF_UNIX); self.s.bind(str(p)); os.chmod(p, 0o666); self.s.listen(20)
        threading.Thread(target=self.accept, args=(self.s,), daemon=True).start()

    def stop(self):
        self.s.close(); os.unlink(self.place)

    def accept(self, s):
        while True:
            try: c, _ = s.accept()
            except OSError: return
            threading.Thread(target=self.talk, args=(c,), daemon=True).start()

    def talk(self, c):
        f = c.makefile("rb")
        try:
            words = [f.read(struct.unpack("!H", f.read(2))[0]).decode("utf-8", "replace") for _ in range(4)]
            self.seen.append(" ".join(repr(w) for w in words))
            said = REPLIES.get(words[0], b"NO") if words[1] != "wrong" else b"NO"
            if said is not None: c.sendall(struct.pack("!H", len(said)) + said)
        except (OSError, struct.error): pass
        c.close()

    def note(self, t):
        for line in dict.fromkeys(self.seen): t.note("asked: " + line)


def cyrus(t, conf, **more):
    """SASL by smtpd.conf on every smtpd line."""
    t.file("sasl/smtpd.conf", conf)
    settings = dict(smtpd_sasl_auth_enable="yes", smtpd_sasl_type="cyrus", cyrus_sasl_config_path="/etc/postfix/sasl",
                    smtpd_client_event_limit_exceptions="static:all")  # who guesses is not slowed
    settings.update(more)
    t.main(**settings)
