"""Servers that are slow but not silent: smtp_per_request_deadline and smtp_min_data_rate, replies that come drop by drop, content that is taken slowly."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

import socket, threading


def dripping(ip, port, pause, at):
    """Says one byte of the reply AT at a time; everything else at once."""
    s = socket.create_server((ip, port))

    def talk(c):
        f = c.makefile("rb")

        def say(what, text):
            for b in ([text[i:i + 1] for i in range(len(text))] if what == at else [text]): c.sendall(b); time.sleep(pause if what == at else 0)
        try:
            say("CONNECT", b"220 slow\r\n"); body = False
            for l in f:
                v = l[:4].upper().strip().decode()
                if body:
                    if l == b".\r\n": say(".", b"250 2.0.0 Ok\r\n"); body = False
                elif v == "DATA": say("DATA", b"354 go\r\n"); body = True
                elif v == "QUIT": say("QUIT", b"221 bye\r\n"); break
                else: say(v, b"250 2.0.0 Okay\r\n")
        except OSError: pass
        c.close()

    def serve():
        while True:
            c, _ = s.accept(); threading.Thread(target=talk, args=(c,), daemon=True).start()
    threading.Thread(target=serve, daemon=True).start()


def run(t):
    onward.steady(t); rows = ""
    limits = {"smtp_helo_timeout": "2s", "smtp_mail_timeout": "2s", "smtp_rcpt_timeout": "2s", "smtp_data_init_timeout": "2s", "smtp_data_done_timeout": "2s", "smtp_connect_timeout": "2s", "smtp_quit_timeout": "2s"}
    for i, (n, more) in enumerate({"patient": {"smtp_per_request_deadline": "no"}, "strict": {"smtp_per_request_deadline": "yes"}}.items()):
        t.master(f"{n} unix - - n - - smtp\n" + "".join(f"  -o {k}={v}\n" for k, v in dict(limits, **more).items()))
        for j, at in enumerate(("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", ".", "QUIT")):
            dripping("203.0.113.10", 2600 + 10 * i + j, 0.35, at); rows += f"{at.replace('.', 'dot').lower()}.{n}.example {n}:[203.0.113.10]:{2600 + 10 * i + j}\n"
    t.file("tr", rows); t.main(transport_maps="texthash:/etc/postfix/tr"); t.start()
    for l in rows.splitlines(): t.send("", "u@" + l.split()[0])
    t.drain(timeout=15); t.log("status=")
