"""smtp_discard_ehlo_keyword_address_maps and smtp_discard_ehlo_keywords: which keywords of which server are not seen, wrong words, silent-discard."""
import pathlib, sys, time
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward


def run(t):
    onward.steady(t); ehlo = {"ehlo": ("PIPELINING", "SIZE 1000", "8BITMIME", "DSN", "SMTPUTF8", "ENHANCEDSTATUSCODES", "XFORWARD NAME", "CHUNKING")}
    maps = {"smtp_discard_ehlo_keyword_address_maps": "cidr:/etc/postfix/keywords", "smtp_discard_ehlo_keywords": "dsn"}
    table = {"both": (maps, ehlo), "other": (maps, ehlo), "all": (maps, ehlo), "empty": (maps, ehlo), "wrong": ({"smtp_discard_ehlo_keywords": "dsn, nonsense"}, ehlo), "wrongmap": (maps, ehlo), "broken": ({"smtp_discard_ehlo_keyword_address_maps": "texthash:/etc/postfix/missing"}, ehlo)}
    t.file("keywords", "203.0.113.10 size, silent-discard\n203.0.113.12 pipelining, size, 8bitmime, dsn, smtputf8, enhancedstatuscodes\n203.0.113.13 silent-discard\n203.0.113.15 size, dnssec\n")
    servers = onward.ways(t, table); t.start()
    for n in table: t.send("alice@example.test", f"u@{n}.example", mail_args=" RET=HDRS ENVID=x1 SIZE=500 BODY=8BITMIME", body="Subject: x\n\n\u00e9\n" + 60 * "sixty characters and a few more to be too large for a server\n")
    t.drain(); onward.said(t, servers); t.log("status=|warning|fatal|discard")
