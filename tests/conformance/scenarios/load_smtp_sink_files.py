"""smtp-sink: messages in files (the numbers of recipients are not shown: before 3.9 they stood in front), one for each or one for many; the counters; how many it takes before it ends."""
import re


def run(t):
    old = t.norm
    def norm(text):
        for pattern, to in ((r"<[0-9a-f]{4,}\.[0-9a-f]{4}\.[0-9a-f]{4}@", "<ID@"), (r"(?<=/etc/x)[0-9a-f]{8}|(?<= id )[0-9a-f]{8}(?=;)", "RANDOM"), (r"<\d*([a-z]+)\d*@", r"<\1@")): text = re.sub(pattern, to, text)
        return old(text)
    t.norm = norm
    t.sh("mkdir -m 777 /w", quiet=True)
    def go(options, c, after):
        t.sh(f"cd /w; rm -rf *; smtp-sink -u nobody {options} 127.0.0.1:2525 20 2>&1 | tr '\\r' '\\n' > /tmp/said & sleep 0.4; {c}; echo \"[$?]\"; sleep 0.3; kill $(pidof smtp-sink) 2>/dev/null; wait; {after}; cat /tmp/said", sort=False)
    source = "smtp-source -f s@x.example -t r@y.example 127.0.0.1:2525"
    go("-d '/w/%%M.'", source, "ls | sed 's/[0-9a-f]*$/X/'; cat *")
    go("-d '/w/a/b/x'", "smtp-source -m 2 127.0.0.1:2525", "find . | sed 's/x[0-9a-f]*$/X/' | sort; cat a/b/* | grep -c ^X-")
    go("-D /w/n/all", "smtp-source -m 3 -r 2 -t r@y.example 127.0.0.1:2525", "find . -type f; grep -c '^$' n/all; grep X-Rcpt n/all")
    go("-D /w/all -S 'From x\\n\\101\\tz\\n' -h my.example -L", "smtp-source -L -t r@y.example 127.0.0.1:2525", "cat all")
    go("-d /w/x", "python3 -c \"import socket; s=socket.create_connection(('127.0.0.1',2525)); s.sendall(b'EHLO a b\\r\\nMAIL FROM: <a> SIZE=1\\r\\nRCPT TO:<b>\\r\\nRSET\\r\\nMAIL FROM:<c>\\r\\nrcpt to:<d>\\r\\nDATA\\r\\n..x\\r\\n.y\\r\\n.\\r\\nMAIL FROM:<e>\\r\\nQUIT\\r\\n'); print(s.makefile().read())\"", "ls | wc -l; cat *")
    go("-d /no/such/x", source, "ls"); go("-D /etc/x", source, "ls")
    go("-c", "smtp-source -m 3 -d 127.0.0.1:2525", "true"); go("-M 2", "smtp-source -m 2 127.0.0.1:2525", "true"); go("-c -n 2", "smtp-source -m 2 127.0.0.1:2525", "true")
