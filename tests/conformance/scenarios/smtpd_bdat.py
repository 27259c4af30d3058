"""BDAT: chunks, LAST, empty and oversized ones, errors in the middle, lines across chunks, a missing line end; what arrives."""
import pathlib, sys; sys.path.insert(0, str(pathlib.Path(__file__).parent / "helpers"))
from doors import *


def chunk(data, last=False): return b"BDAT %d%s\r\n" % (len(data), b" LAST" if last else b"") + data


def run(t):
    t.main(smtpd_hard_error_limit="1000", smtpd_soft_error_limit="1000", message_size_limit="2000")
    off, = ports(t, {"smtpd_discard_ehlo_keywords": "chunking"}); t.start()
    ok = ["MAIL FROM:<a@client.example.org>", "RCPT TO:<alice@example.test>"]
    talk(t, *ok, chunk(b"Subject: one\r\n\r\nall at once\r\n", True))
    talk(t, *ok, chunk(b"Subject: two\r\n\r"), chunk(b"\nsplit li"), chunk(b"ne\r\n.\r\n..dots\r\nno end", True))
    talk(t, *ok, chunk(b"Subject: three\r\n\r\nx\r\n"), chunk(b"", True))
    talk(t, *ok, chunk(b"From here\r\nSubject: four\r\n\r\n\x00bare\nlf\rcr\r\n", True))
    t.title("errors")
    for c in (["BDAT"], ["BDAT x"], ["BDAT 5 FIRST"], ["BDAT -1"], ["BDAT 99999999999999999999"], ["BDAT 5 LAST more"]): talk(t, *ok, *c)
    talk(t, chunk(b"abc", True), *ok, chunk(b""), chunk(b"abc"), chunk(b"abc", True), *ok, chunk(b"abc"), "MAIL FROM:<>", "RCPT TO:<bob@example.test>", "DATA", "NOOP", "VRFY alice", "RSET", *ok)
    talk(t, "MAIL FROM:<a@client.example.org>", "RCPT TO:<no@example.test>", chunk(b"abc"), chunk(b"abc", True))
    talk(t, *ok, chunk(b"x" * 2100 + b"\r\n"), chunk(b"y\r\n", True), *ok, chunk(b"x\r\n" * 500), chunk(b"x\r\n" * 300), chunk(b"z", True))
    talk(t, *ok, b"BDAT 2900\r\n" + b"x" * 2900, "NOOP")
    t.title("off"); talk(t, *ok, chunk(b"abc", True), port=off)
    t.drain(); t.mail("alice", headers=("subject",))
    t.log("BDAT|queue file|warning|disconnect", drop=("localhost", "mail_stream_cleanup"))
