"""smtp_tls_block_early_mail_reply: a server that answers MAIL before it has seen it, with and without TLS and pipelining."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import socket, ssl, threading
from secrets import *


def eager(ip, port, context, when):
    """A server whose reply to MAIL comes together with the one before it."""
    s = socket.create_server((ip, port))

    def talk(c):
        try:
            c.sendall(b"220 eager ESMTP\r\n"); f = c.makefile("rb"); early = False; secure = False
            for l in f:
                v = l[:8].upper().strip().split()[0].decode() if l.strip() else ""
                if v == "EHLO":
                    more = b"250 2.1.0 Ok early\r\n" if when == "ehlo" and secure else b""; early = bool(more)
                    c.sendall(b"250-eager\r\n250-PIPELINING\r\n" + (b"" if secure else b"250-STARTTLS\r\n") + b"250 8BITMIME\r\n" + more)
                elif v == "STARTTLS":
                    c.sendall(b"220 2.0.0 go\r\n"); c = context.wrap_socket(c, server_side=True); f = c.makefile("rb"); secure = True; talk2(c, f); return
                else: c.sendall(b"250 2.0.0 Ok\r\n")
        except (OSError, ssl.SSLError): pass

    def talk2(c, f):
        early = False; body = False
        for l in f:
            v = l[:8].upper().strip().split()[0].decode() if l.strip() else ""
            if body:
                if l == b".\r\n": c.sendall(b"250 2.0.0 Ok taken\r\n"); body = False
            elif v == "EHLO": early = when == "ehlo"; c.sendall(b"250-eager\r\n250-PIPELINING\r\n250 8BITMIME\r\n" + (b"250 2.1.0 Ok early\r\n" if early else b""))
            elif v == "MAIL" and early: early = False
            elif v == "DATA": c.sendall(b"354 go\r\n"); body = True
            elif v == "QUIT": c.sendall(b"221 bye\r\n"); return
            else: c.sendall(b"250 2.0.0 Ok\r\n")
    threading.Thread(target=lambda: [threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start() for _ in range(20)], daemon=True).start()


def run(t):
    onward.steady(t); pem, key = certificate(t, "mail.example"); context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(pem, key); rows = ""
    for i, (n, when, block) in enumerate((("normal", "", "yes"), ("early", "ehlo", "yes"), ("allowed", "ehlo", "no"))):
        eager("203.0.113.10", 2600 + i, context, when); t.master(f"{n} unix - - n - - smtp\n  -o smtp_tls_security_level=may -o smtp_tls_block_early_mail_reply={block}"); rows += f"{n}.example {n}:[203.0.113.10]:{2600 + i}\n"
    t.file("tr", rows); t.main(transport_maps="texthash:/etc/postfix/tr"); t.start()
    onward.each(t, "", ["u@normal.example", "u@early.example", "u@allowed.example"]); t.log("status=|warning")
