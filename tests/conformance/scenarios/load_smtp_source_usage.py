"""smtp-source and qmqp-source: wrong command lines, servers that are not there."""


def run(t):
    for p in ("smtp-source", "qmqp-source"):
        for c in ("", "-x", "a b", "-s 0 h", "-s x h", "-m -1 h", "-C 0 h", "-l 0 h", "-r 0 h", "-R 0 h", "-w x h", "-w 1 -R 1 h", "-R 1 -w 1 h", "-T 0 h", "-M a..b h", "-M -a h", "-M [1.2.3.4 h", "-M '' h", "-l 5 -F /x h", "-F /x -l 5 h", "-F /no/such h", "-t",
                  ":25", "[127.0.0.1", "[127.0.0.1]x", "[ipv6:x]:25", "a..b", "127.0.0.1:x", "127.0.0.1:2x", "127.0.0.1:1", "no.such.example:25", "unix:/no/such", "inet:127.0.0.1:1", "-C 3 127.0.0.1:1", "-c -C 2 127.0.0.1:1", "-4 127.0.0.1:1", "-m 2k -s 1x 127.0.0.1:1"): t.sh(f"{p} {c}")
    t.sh("smtp-source unix:/" + "x" * 120); t.sh("/usr/sbin/smtp-source"); t.sh("cd /usr/sbin; ./qmqp-source")
