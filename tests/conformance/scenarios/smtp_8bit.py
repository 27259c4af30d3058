"""8-bit content for servers with and without 8BITMIME: plain, multipart, within message/rfc822, undeclared; and with conversion switched off."""
import pathlib, sys
sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
import onward

PLAIN = "Subject: plain\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\ngrün = blau \n.dot\nTab\t\n" + "lang " * 20 + "ä\nend\n"
MULTI = ("Subject: multi\nMIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=\"sep (x)\"\nContent-Transfer-Encoding: 8bit\n\npreamble\n--sep (x)\nContent-Type: text/plain\n"
         "Content-Transfer-Encoding: 8bit\n\nöl\n--sep (x)\nContent-Type: message/rfc822\nContent-Transfer-Encoding: 8bit\n\nSubject: inner\nContent-Transfer-Encoding: 8bit\n\nübel\n"
         "--sep (x)\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\naGVsbG8K\n--sep (x)--\nepilogue\n")
BARE = "Subject: bare\n\nnicht erklärt\n"


def run(t):
    onward.steady(t)
    old = onward.site(t, "old.example", "203.0.113.10", ehlo=("PIPELINING", "SIZE")); new = onward.site(t, "new.example", "203.0.113.11")
    raw = t.sink("203.0.113.12", 2800, name="raw", ehlo=()); t.master("raw unix - - n - - smtp\n  -o disable_mime_output_conversion=yes"); t.main(transport_maps="inline:{ raw.example=raw:[203.0.113.12]:2800 }")
    t.start()
    for domain in ("old", "new", "raw"):
        for body in (PLAIN, MULTI, BARE): t.send("", [f"u@{domain}.example"], body=body, mail_args=" BODY=8BITMIME")
    t.send("", ["u@old.example"], body=PLAIN.replace("plain", "unsaid", 1)); t.send("", ["u@old.example"], body="Subject: seven\n\nplain\n", mail_args=" BODY=7BIT")
    t.drain()
    t.log(r"status=")
    for s in (old, new, raw): s.note(headers=("subject", "content-type", "content-transfer-encoding"))
