"""smtp-sink and qmqp-sink: wrong command lines, places where nobody can listen."""


def run(t):
    def say(c, **kw): t.sh(f"timeout 3 {c}", **kw)
    for c in ("", "-x", ":2525", ":2525 0", ":2525 x", "a b c", "-A x :2525 1", "-A -1 :2525 1", "-b 550 :2525 1", "-b 45 :2525 1", "-B 450x :2525 1", "-f nosuch :2525 1", "-q 'mail nosuch' :2525 1", "-m 0 :2525 1", "-M 0 :2525 1", "-n x :2525 1", "-H 0 :2525 1", "-t 0 :2525 1", "-T 0 :2525 1", "-w 0 :2525 1", "-W x :2525 1", "-W data :2525 1", "-W data:0 :2525 1", "-W data:1:100 :2525 1", "-W nosuch:1 :2525 1", "-d a -D b :2525 1", ":2525 1", "-u nosuch :2525 1", "-u nobody -R /no/such :2525 1", "-u nobody 127.0.0.1:25x 1", "-u nobody 127.0.0.1: 1", "-u nobody [127.0.0.1 1", "-u nobody 203.0.113.200:2525 1", "-u nobody no.such.example:2525 1", "-u nobody unix:/no/such/x 1", "-u nobody unix:/etc 1", "-u nobody a..b:25 1", "-s"): say(f"smtp-sink {c}")
    for c in ("", "-x", ":2525", ":2525 0", "-x 0 :2525 1", "-x x :2525 1", "-x 1", "203.0.113.200:2525 1", "unix:/no/such/x 1", "-c a b c"): say(f"qmqp-sink {c}")
    say("smtp-sink :2525 1", user="alice"); say("smtp-sink 127.0.0.1:25 1", user="alice"); say("smtp-sink -u nobody :2525 1", user="alice")
    say("/usr/sbin/smtp-sink"); t.sh("qmqp-sink -x 1 127.0.0.1:2525 1"); t.sh("touch /tmp/s; (timeout 2 smtp-sink -u nobody unix:/tmp/s 5; echo $?) & sleep 0.5; stat -c '%A' /tmp/s; smtp-source -c unix:/tmp/s; wait")
