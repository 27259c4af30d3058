"""cleanup_replace_stray_cr_lf, message_strip_characters, message_reject_characters, detect_8bit_encoding_header, queue_file_attribute_count_limit: bytes in content that nobody expects."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *
from middle import *


def run(t):
    hop = catch(t, smtpd_forbid_bare_newline="no", smtpd_hard_error_limit="1000"); t.start()
    for kw in ({}, {"cleanup_replace_stray_cr_lf": "no"}, {"message_strip_characters": "\\0\\r"}, {"message_reject_characters": "\\0"}, {"message_reject_characters": "\\1\\r"}, {"message_strip_characters": "\\0", "message_reject_characters": "\\0"}, {"detect_8bit_encoding_header": "no"}):
        t.title(str(kw)); base = dict(cleanup_replace_stray_cr_lf="yes", message_strip_characters="", message_reject_characters="", detect_8bit_encoding_header="yes"); t.main(**{**base, **kw}); t.reload(); hop.messages.clear(); hop.sessions.clear()
        for content in (b"Subject: a\r\n\r\none\rtwo\r\n.\r\n", b"Subject: b\rX: y\r\n\r\nx\r\r\n.\r\n", b"Subject: c\0d\r\n\r\nn\0l\x01\r\n.\r\n", b"Subject: d\r\nContent-Transfer-Encoding: 8bit\r\n\r\nabc\r\n.\r\n", b"\r\n\rlead\r\n\r.\r\n.\r\n", b"Subject: e\r\n f\r\n\r\nlast\r\n.\r\n"):
            r = mail(t, content, to="r@example.test", raw=True); t.note(f"{content[:30]!r}: {r.split(' queued')[0]}")
        t.drain(); import re
        t.note("\n".join(sorted(repr(re.sub(rb"Received:.*?\n(?=\S)|(Message-Id|Date|From|MAIL|RCPT).*?\n(?=\S|\n|\r)", b"", m, flags=re.S)[:200]) for m in hop.messages))); t.note("\n".join(sorted(l for s in hop.sessions for l in s if l.startswith("MAIL"))))
    t.log("warning|reject", drop=("localhost",))
