"""lmtp(8) with its own parameters: lmtp_lhlo_name, keywords that are not seen, port, filters of replies and headers, generic_maps, quoting, XFORWARD, greetings, fallback."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); rows = []
    table = {"plain": {}, "name": {"lmtp_lhlo_name": "other.example.test"}, "discard": {"lmtp_discard_lhlo_keywords": "size, 8bitmime, pipelining, silent-discard"}, "maps": {"lmtp_discard_lhlo_keyword_address_maps": "cidr:/etc/postfix/keywords"},
             "reply": ({"lmtp_reply_filter": "regexp:/etc/postfix/reply"}, {"script": {"RCPT": "450 4.2.0 later"}}), "head": {"lmtp_header_checks": "regexp:/etc/postfix/head", "lmtp_body_checks": "regexp:/etc/postfix/body"}, "generic": {"lmtp_generic_maps": "inline:{{alice@example.test=a@public.example}}"},
             "quote": {"lmtp_quote_rfc821_envelope": "no"}, "forward": ({"lmtp_send_xforward_command": "yes"}, {"ehlo": ("XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT",), "script": {"XFORWARD": "250 2.0.0 Ok"}}), "greeting": ({"lmtp_skip_5xx_greeting": "no"}, {"script": {"CONNECT": "554 5.7.1 no"}}), "skip": ({}, {"script": {"CONNECT": "554 5.7.1 no"}}),
             "status": ({"lmtp_delivery_status_filter": "regexp:/etc/postfix/status"}, {"script": {"RCPT": "550 5.1.1 nobody"}}), "fallback": ({"lmtp_fallback_relay": "[mail.name.example]:2701"}, {"script": {"CONNECT": "421 4.3.2 busy"}}), "lines": {"lmtp_line_length_limit": "40"}, "polite": {"lmtp_skip_quit_response": "no"}, "final": {"lmtp_assume_final": "yes"}}
    t.file("keywords", "203.0.113.13 size, enhancedstatuscodes\n"); t.file("reply", "/^450 (.*)/ 550 5.9.9 harder\n"); t.file("head", "/^Subject: (.*)/ REPLACE Subject: [$1]\n"); t.file("body", "/hello/ REPLACE goodbye\n"); t.file("status", "/^5\\.1\\.1 (.*)/ 4.1.1 softened $1\n")
    servers = onward.ways(t, table, program="lmtp", lmtp=True); t.dns("mail.port.example", "A", "203.0.113.10")
    t.master("port unix - - n - - lmtp\n  -o lmtp_tcp_port=2700"); t.file("ways", pathlib.Path("/etc/postfix/ways").read_text() + "port.example port:inet:mail.port.example\n"); t.start()
    for n in table: t.send("alice@example.test", [f"u@{n}.example", f'"a b"@{n}.example'], mail_args=" BODY=8BITMIME", body="From: alice@example.test\nSubject: hello\n\nhello, here is a line of more than forty characters\n")
    t.send("alice@example.test", "u@final.example", mail_args=" ENVID=x"); t.send("", "u@port.example"); t.drain(); [x.sessions.sort(key=str) for x in servers.values()]; onward.said(t, servers); t.log("postfix/(\\w+/)?lmtp: ", drop=("obsolete",)); t.showq()
    for n in ("head", "generic", "lines"): servers[n].note(headers=("from", "subject"))
