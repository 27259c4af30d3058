"""postlog: its options, standard input, odd text; where it may write."""


def run(t):
    for c in ("hello", "hello world", "'a  b'", "-p warn x", "-p warning x", "-p error x", "-p fatal x; echo $?", "-p panic x; echo $?", "-p nosuch x", "-t tag x", "-t a/b x", "-i x", "-c /no/such x", "-x", "-t", "-- -x", "-", "'tab\there'", "-p info -t z -i a b c", "''", "x -p warn"): t.sh(f"postlog {c} </dev/null")
    t.sh("printf 'one\\ntwo\\n\\nlast' | postlog -t in"); t.sh("postlog -t alice x", user="alice"); t.main(syslog_name="other"); t.sh("postlog named"); t.log("^")
    t.main(maillog_file="/var/log/mail.x"); t.sh("postlog to a file; cat /var/log/mail.x 2>/dev/null | sed 's/.*foo/foo/'")
