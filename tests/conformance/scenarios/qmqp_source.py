"""qmqp-source to qmqpd and to qmqp-sink: what it sends, counts and says."""
import re


def run(t):
    old = t.norm; t.norm = lambda s: re.sub(r"Message-Id: <\d+@", "Message-Id: <N@", old(s))
    t.main(qmqpd_authorized_clients="127.0.0.1", qmqpd_error_delay="0s", message_size_limit="5000")
    t.master("628 inet n - n - - qmqpd"); t.start()
    for c in ("-f s@x.example -t alice@example.test", "-c -m 3 -t alice@example.test", "-l 50 -t alice@example.test", "-l 400 -t alice@example.test", "-r 2 -t @example.test -f bob@example.test", "-M me.example -t alice@example.test", "-m 2 -w 1 -t alice@example.test", "-l 6000"):
        t.logs.clear(); t.sh(f"qmqp-source {c} 127.0.0.1"); t.drain(timeout=6); t.log("qmqpd|to=")
    t.main(qmqpd_authorized_clients=""); t.reload(); t.sh("qmqp-source 127.0.0.1:628"); t.mail("alice")
    t.sh("(qmqp-sink -c -x 2 127.0.0.1:2525 9 2>&1 | tr '\\r' '\\n') & sleep 0.4; qmqp-source -c -m 5 -s 2 -l 9000 127.0.0.1:2525 | tr '\\r' '\\n'; printf 'x' > /tmp/x; python3 -c \"import socket; s=socket.create_connection(('127.0.0.1',2525)); s.sendall(b'junk'); print(s.recv(9)); s=socket.create_connection(('127.0.0.1',2525)); s.sendall(b'3:abc'); s.close()\"; wait")
