"""qmqpd: who may, what is no packet, what is too long, and what the log says of it all."""
import re, socket, time


def run(t):
    old = t.norm; t.norm = lambda s: re.sub(r"(?<=\[127\.0\.0\.1\]:)\d+", "PORT", old(s))
    t.main(qmqpd_authorized_clients="192.0.2.1, !127.0.0.9, 127.0.0.0/8", qmqpd_error_delay="0s", qmqpd_timeout="1s", message_size_limit="2000", line_length_limit="512", soft_bounce="no")
    t.master("628 inet n - n - - qmqpd\n629 inet n - n - - qmqpd\n  -o soft_bounce=yes -o qmqpd_client_port_logging=yes\n630 inet n - n - - qmqpd\n  -o qmqpd_authorized_clients=\n631 inet n - n - - qmqpd\n  -o qmqpd_authorized_clients=hash:/no/such\nqmqp unix n - n - - qmqpd\n"); t.start()
    n = lambda b: str(len(b)).encode() + b":" + b + b","
    packet = lambda m, s, *r: n(n(m) + n(s) + b"".join(n(x) for x in r))
    def go(title, data, src="127.0.0.1", port=628, wait=0, path=None):
        t.logs.clear(); t.title(title)
        if path: s = socket.socket(socket.AF_UNIX); s.connect(path)
        else: s = socket.create_connection(("127.0.0.1", port), 5, source_address=(src, 0))
        s.settimeout(5); s.sendall(data)
        if wait is None: s.shutdown(socket.SHUT_WR)
        out = b""
        try:
            while True:
                b = s.recv(1000)
                if not b: break
                out += b
        except ConnectionResetError: pass  # unread input was thrown away
        s.close(); t.note("reply: " + repr(out.decode())); time.sleep(0.2); t.log("qmqpd|cleanup", sort=port == 631)
    good = packet(b"Subject: x\n\nhi\n", b"s@x.example", b"alice@example.test")
    go("good", good); go("not listed", good, src="127.0.0.9"); go("another address", good, src="192.0.2.1"); go("nobody is listed", good, port=630); go("a socket", good, path="/var/spool/postfix/public/qmqp")
    for title, data in (("no netstring", b"EHLO x\r\n"), ("no message", b"9:x"), ("no comma", b"9:1:a;"), ("large message", b"9999:2001:"), ("huge length", b"99999999999999999999999:"), ("long sender", b"999:1:a,513:"), ("bad sender", b"999:1:a,1x"), ("long recipient", b"999:1:a,1:s,513:"), ("bad recipient", b"999:1:a,1:s,x"), ("recipient without comma", b"999:1:a,1:s,1:rx")): go(title, data)
    for title, data in (("nothing", b""), ("half a header", b"12"), ("half a message", b"99:50:abc"), ("half a sender", b"99:1:a,5:ab"), ("half a recipient", b"99:1:a,1:s,5:ab"), ("no end", b"99:1:a,1:s,1:b,")): go(title, data, wait=None)
    go("silent", b"99:1:a,"); go("no recipients", packet(b"x", b"s")); go("soft and with port", b"x", port=629); go("soft and not listed", good, src="127.0.0.9", port=629)
    go("no table", good, port=631)
