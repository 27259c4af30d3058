"""smtp client: handshakes that fail, STARTTLS refused or cut off, the next server, wrapper mode, per-site tables, names that are sent."""
import pathlib, ssl, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from onward import *
from secrets import *


class Lying:
    """Offers STARTTLS and then does something else."""
    def __init__(self, ip, port, then):
        import threading
        self.l = socket.socket(); self.l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); self.l.bind((ip, port)); self.l.listen(10); self.seen = []; self.then = then
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            c, _ = self.l.accept(); f = c.makefile("rwb"); seen = []; self.seen.append(seen)
            def out(x): f.write(x.encode() + b"\r\n"); f.flush()
            try:
                out("220 liar.example ESMTP"); tls = False
                for l in f:
                    v = l.decode("latin1").strip().split(" ")[0].upper(); seen.append(v if v.isalpha() else "(noise)")
                    if v == "EHLO": out("250-liar.example\r\n250-STARTTLS\r\n250 8BITMIME")
                    elif v == "STARTTLS" and self.then == "refuse": out("454 4.7.0 not now")
                    elif v == "STARTTLS" and self.then == "close": c.shutdown(socket.SHUT_RDWR); break
                    elif v == "STARTTLS" and self.then == "garbage": out("220 go"); out("this is no TLS at all, and long enough to be noticed"); c.recv(1000); c.shutdown(socket.SHUT_RDWR); break
                    elif v == "STARTTLS" and self.then == "gone": out("220 go"); c.recv(5); c.shutdown(socket.SHUT_RDWR); break
                    elif v in ("MAIL", "RCPT", "RSET"): out("250 2.0.0 Ok")
                    elif v == "DATA":
                        out("354 go on")
                        for b in f:
                            if b == b".\r\n": break
                        out("250 2.0.0 Ok: taken")
                    elif v == "QUIT": out("221 bye"); break
                    else: out("500 what")
            except OSError: seen.append("(error)")
            c.close()


def run(t):
    steady(t); good = certificate(t, "good", names=["mail.wrapped.example"])
    t.main(smtp_tls_loglevel="1", transport_maps="texthash:/etc/postfix/tr", smtp_tls_security_level="may", smtp_tls_policy_maps="texthash:/etc/postfix/tls_policy")
    t.master("wrapped unix - - n - - smtp\n  -o smtp_tls_wrappermode=yes\n  -o smtp_tls_security_level=encrypt\nwrappedmay unix - - n - - smtp\n  -o smtp_tls_wrappermode=yes\n"
             "sites unix - - n - - smtp\n  -o smtp_tls_policy_maps=\n  -o smtp_tls_per_site=texthash:/etc/postfix/sites\n  -o smtp_tls_security_level=\nnamed unix - - n - - smtp\n  -o smtp_tls_servername=hostname\n  -o smtp_tls_policy_maps=\n")
    liars, lines, policies = {}, "", ""
    for i, (then, level) in enumerate((a, b) for a in ("refuse", "close", "garbage", "gone") for b in ("may", "encrypt")):
        n = f"{then}{level}"; ip = f"203.0.113.{10 + i}"; t.dns(f"mail.{n}.example", "A", ip); liars[n] = Lying(ip, 2600, then); lines += f"{n}.example smtp:[mail.{n}.example]:2600\n"; policies += f"[mail.{n}.example]:2600 {level}\n"
    t.dns("second.example", "MX", "10 mail.refuseencrypt.example", "20 mail.second.example"); t.dns("mail.second.example", "A", "203.0.113.19"); second = t.sink("203.0.113.19", 2600, name="mail.second.example", tls=good)
    lines += "second.example smtp:second.example:2600\n"; policies += "second.example:2600 encrypt\n"
    sinks = {n: t.sink("203.0.113.18", 2700 + i, name=f"mail.{n}.example", tls=good) for i, n in enumerate(("sitenone", "sitemay", "sitemust", "sitenomatch", "sitebad"))}
    for i, n in enumerate(sinks): t.dns(f"mail.{n}.example", "A", "203.0.113.18"); lines += f"{n}.example sites:[mail.{n}.example]:{2700 + i}\n"
    t.dns("mail.wrapped.example", "A", "203.0.113.18"); lines += "wrapped.example wrapped:[mail.wrapped.example]:2800\nwrappedmay.example wrappedmay:[mail.wrapped.example]:2800\nport465.example smtp:[mail.wrapped.example]:465\nnamed.example named:[mail.second.example]:2600\n"
    l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); l.bind(("203.0.113.18", 2800)); l.listen(5); c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain(*good)
    def wrapped():
        s, _ = l.accept(); f = c.wrap_socket(s, server_side=True).makefile("rwb"); f.write(b"220 mail.wrapped.example ESMTP\r\n"); f.flush()
        for x in f:
            v = x.decode().split(" ")[0].strip().upper(); f.write({"DATA": b"354 go\r\n", "QUIT": b"221 bye\r\n"}.get(v, b"250 ok\r\n")); f.flush()
            if v == "DATA":
                while f.readline() != b".\r\n": pass
                f.write(b"250 taken\r\n"); f.flush()
    import threading; threading.Thread(target=wrapped, daemon=True).start()
    t.file("tr", lines); t.file("tls_policy", policies); t.file("sites", "[mail.sitenone.example]:2700 NONE\nmail.sitemay.example MAY\nmail.sitemust.example MUST\nmail.sitenomatch.example MUST_NOPEERMATCH\nmail.sitebad.example PERHAPS\n"); t.start()
    for n in [*liars, "second", *sinks, "wrapped", "wrappedmay", "named"]: t.send("a@example.test", f"b@{n}.example")
    t.drain()
    for n, s in liars.items(): t.note(f"{n}: {s.seen}")
    t.note(f"second: {[[x.split(' ')[0] for x in s if x != '(dropped)'] for s in second.sessions]}")
    for n, s in sinks.items(): t.note(f"{n}: {[[x.split(' ')[0] for x in y if x != '(dropped)'] for y in s.sessions]}")
    t.log("status=|TLS|SSL|refused|warning|lost", drop=("library",))
