"""debug_peer_list: the dialogue with the peers that it names is logged, in smtpd and in smtp; others are not."""


def run(t):
    t.main(debug_peer_list="127.0.0.3, 127.0.0.41, debug.example", debug_peer_level="1", relay_domains="a.example b.example")
    t.sink("127.0.0.41", name="one.example.net")
    t.sink("127.0.0.42", name="two.example.net")
    t.file("/etc/postfix/transport", "a.example smtp:[127.0.0.41]\nb.example smtp:[127.0.0.42]\n")
    t.main(transport_maps="texthash:/etc/postfix/transport")
    t.start()
    for src in ("127.0.0.2", "127.0.0.3"):
        t.title(src)
        s = t.smtp(src=src)
        for command in ("EHLO client.example", "MAIL FROM:<x@z.example>", "RCPT TO:<x@nowhere.example>", "FOO", "QUIT"):
            s.cmd(command)
        s.close()
    for to in ("x@a.example", "x@b.example"):
        t.send("alice@example.test", to, src="127.0.0.1")
    t.drain()
    t.log(r"smtpd: [<>] ", sort=False)
    t.log(r"smtp: [<>] ", sort=False)
