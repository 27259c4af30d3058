"""postqueue and mailq: wrong command lines, who may, messages that are not there, sites of odd forms, JSON of an empty queue."""


def run(t):
    t.main(authorized_flush_users="bob", authorized_mailq_users="!alice, static:all"); t.start()
    for c in ("", "-x", "-f -p", "-p -j", "-s", "-s ''", "-s x", "-s [1.2.3.4]", "-s [1.2.3", "-s a..b", "-s example.test", "-s 'a b'", "-i", "-i X", "-i 'a b'", "-i ''", "-i BCDFGH0123", "-i ../x", "-f", "-p", "-j", "-c /no/such -p", "-c etc -p", "-p x", "-f x", "-j x"): t.sh(f"postqueue {c}")
    for u in ("alice", "bob"):
        for c in ("-p", "-j", "-f", "-s example.test", "-i BCDFGH0123", "-c /tmp -p"): t.sh(f"postqueue {c}", user=u)
        for c in ("mailq", "mailq -Ac", "mailq -x", "mailq -v", "sendmail -bp", "sendmail -q", "sendmail -qRexample.test", "sendmail -qSx", "sendmail -qIBCDFGH0123", "sendmail -q1h", "sendmail -qfx", "sendmail -q -bp"): t.sh(c, user=u)
    t.stop(); t.sh("postqueue -p; postqueue -f; postqueue -j; postqueue -s example.test; postqueue -i BCDFGH0123; mailq")
    t.sh("postqueue -p; postqueue -f; sendmail -q", user="alice"); t.log("postqueue|sendmail")
