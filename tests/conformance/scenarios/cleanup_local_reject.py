"""What cleanup refuses in mail of the sendmail command comes back as a bounce."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    t.file("h", "/^Subject: no$/ REJECT\n/^Subject: because/ REJECT 5.7.2 because of this\n/^Subject: later/ REJECT 4.7.2 not now\n/^Subject: discard/ DISCARD\n")
    t.main(header_checks="regexp:/etc/postfix/h", hopcount_limit="3"); t.start()
    for s in ("no", "because", "discard"): t.sendmail("-f alice@example.test carol@example.test dave@example.test", f"Subject: {s}\n\nbody\n"); t.drain()
    t.sendmail("-f alice@example.test carol@example.test", message("Received: a by b", "Received: c by d", "Received: e by f")); t.drain()
    t.mail("alice"); t.mail("carol"); t.showq()
    t.log("cleanup", "bounce", "status=", drop=("message-id",))
