"""Refusals of malformed MIME: strict_8bitmime and its parts, encoding domains, nesting, text after the header, unwanted characters."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from middle import *


def run(t):
    hop = catch(t); t.start()
    U = "M\u00fcller"
    tests = (("8-bit header", message(*FULL, f"X-Name: {U}")), ("8-bit body", message(*FULL, body=U)),
             ("announced", message(*FULL, "Content-Transfer-Encoding: 8bit", body=U)),
             ("encoded multipart", message(*FULL, "Content-Type: multipart/mixed; boundary=b", "Content-Transfer-Encoding: base64", body="--b\n\nx\n--b--")),
             ("encoded message", message(*FULL, "Content-Type: message/rfc822", "Content-Transfer-Encoding: quoted-printable", body="Subject: x\n\nx")),
             ("8-bit partial", message(*FULL, "Content-Type: message/partial", "Content-Transfer-Encoding: 8bit", body="x")),
             ("no empty line", "\n".join(FULL) + "\ntext at once\n"), ("control", message(*FULL, body="a\x07b")),
             ("nested", message(*FULL, "Content-Type: multipart/mixed; boundary=b0", body="".join(f"--b{i}\nContent-Type: multipart/mixed; boundary=b{i + 1}\n\n" for i in range(6)) + "x")))
    for kw in (dict(strict_8bitmime="yes"), dict(strict_8bitmime="no", strict_7bit_headers="yes", strict_mime_encoding_domain="yes"), dict(strict_7bit_headers="no", strict_8bitmime_body="yes", mime_nesting_limit="3"), dict(strict_8bitmime_body="no", strict_mime_encoding_domain="no", message_reject_characters="\\7", header_checks="regexp:{{/^X-Z/ IGNORE}}"), dict(message_reject_characters="", message_strip_characters="\\7", header_checks="")):
        t.title(str(kw)); t.main(**kw); t.reload()
        for name, body in tests: t.note(name); t.send("s@z.example", "r@z.example", body)
        t.drain()
    hop.note(headers=("x-name",)); t.log("reject:|cleanup.*warning")
