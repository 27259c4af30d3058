"""qmqpd: what becomes of a message: its headers, mailbox separators, recipients, VERP senders, checks, filters."""
import socket, time


def run(t):
    t.main(qmqpd_authorized_clients="127.0.0.1", qmqpd_error_delay="0s", header_checks="regexp:/etc/postfix/checks", recipient_delimiter="+", virtual_alias_maps="inline:{v@example.test=bob}", verp_delimiter_filter="-+=", hopcount_limit="3")
    t.file("checks", "/^Subject: bad/ REJECT not this\n/^Subject: later/ REJECT 4.7.1 not now\n/^Subject: away/ DISCARD\n")
    t.master("628 inet n - n - - qmqpd\n629 inet n - n - - qmqpd\n  -o receive_override_options=no_address_mappings,no_header_body_checks\n630 inet n - n - - qmqpd\n  -o soft_bounce=yes -o content_filter=discard:filtered"); t.start()
    n = lambda b: str(len(b)).encode() + b":" + b + b","
    def go(message, sender, *to, port=628):
        t.logs.clear(); s = socket.create_connection(("127.0.0.1", port), 5); s.settimeout(5); s.sendall(n(n(message) + n(sender) + b"".join(n(x) for x in to)))
        t.note(f"# {message[:60]!r} {sender!r} {to!r}"); t.note("reply: " + repr(s.makefile("rb").read().decode())); s.close(); t.drain(timeout=8); t.log("qmqpd|cleanup|to=|from=")
    A = b"alice@example.test"
    for m in (b"", b"\n", b"text", b"Subject: x\n\nhi\n", b"Subject: x\r\n\r\nhi\r\n", b" folded\n\nx\n", b"From a b\n>From c d\nFrom: x@y.example\n\nFrom z\n", b"Subject: long\n\n" + b"z" * 3000, b"Subject: bad\n\n", b"Subject: later\n\n", b"Subject: away\n\n", b"Received: a\nReceived: b\nReceived: c\n\nx\n", b"Subject: \xc3\xa4\n\n\xe4\n"): go(m, b"s@x.example", A)
    for s in (b"", b"user", b"list-@x.example-@[]", b"list+@x.example-@[]", b"listx@x.example-@[]", b"-@[]", b"#@[]", b"a b@x.example", b"@x.example:s@y.example"): go(b"Subject: s\n\n", s, A)
    go(b"Subject: two\n\n", b"s@x.example", A, b"bob@example.test"); go(b"Subject: same\n\n", b"s@x.example", A, A); go(b"Subject: odd\n\n", b"s@x.example", b"v@example.test", b"", b"alice+ext", b"no one@example.test")
    go(b"Subject: bad\n\n", b"s@x.example", b"v@example.test", port=629); go(b"Subject: bad\n\n", b"s@x.example", A, port=630); go(b"Subject: ok\n\n", b"s@x.example", A, port=630)
    old = t.norm; t.norm = lambda s: old(s.replace("z" * 3000, "z..."))
    t.mail("alice"); t.mail("bob")
