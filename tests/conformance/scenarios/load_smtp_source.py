"""smtp-source: what it sends with each of its options, and what it says when the server refuses. The numbers of
recipients are not shown: before 3.9 they stood in front."""
import re


def run(t):
    old = t.norm; t.norm = lambda s: re.sub(r"<[0-9a-f]{4,}\.[0-9a-f]{4}\.[0-9a-f]{4}@", "<ID@", re.sub(r"<\d*([a-z]+)\d*@", r"<\1@", old(s)))
    t.sh("mkdir -m 777 /w", quiet=True)
    def server(options, c, n=1, lmtp=""):
        t.sh(f"rm -f /w/m*; smtp-sink -u nobody -D /w/m {lmtp} {options} 127.0.0.1:2525 20 2>/dev/null & p=$!; sleep 0.2; {{ smtp-source {c} 127.0.0.1:2525; echo \"[$?]\"; }} 2>&1 | grep -vE 'name_mask|vstream_|fd=|smtp_stream_|smtp_get:'; kill $p; cat /w/m* 2>/dev/null | grep -v ' id [0-9a-f]\\{{8\\}};'")
    for c in ("-v", "-c -m 3", "-v -d -m 2", "-vo", "-f '' -t 'x y'", "-f a@b.example -t c@d.example -S 'a subject' -l 200", "-M me.example", "-M [192.0.2.9]", "-r 3 -t u@x.example", "-l 79", "-l 80", "-l 81", "-l 160", "-l 3"): server("", c)
    server("", "-v -L -r 2", lmtp="-L")
    t.file("/w2", ".\n..a\n\nb\r\nlast"); server("", "-F /w2"); t.file("/w2", ""); server("", "-F /w2")
    for what in ("connect", "helo", "mail", "rcpt", "data", ".", "quit"): server(f"-f {what}", "-A -m 2 -d -r 2")
    for what in ("helo", "rcpt", "."): server(f"-Q {what}", "-A -m 2 -d -r 2")
    for what in ("connect", "mail", "data", ".", "quit"): server(f"-q {what}", "-v")
    for what in ("connect", "helo", "mail", "rcpt", "data", "."): server(f"-r {what}", "-v")
    for how in ("-f rcpt", "-f .", "-r data"): server(how, "-A -v -L -r 2", lmtp="-L")
