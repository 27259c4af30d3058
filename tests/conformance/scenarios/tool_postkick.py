"""postkick: requests to services, where nobody listens, wrong command lines, the system down."""


def run(t):
    t.start()
    for c in ("public pickup W", "public nosuch x", "private nosuch x", "nosuch pickup x", "public ../pid x", "public pickup", "", "-x", "a b c d", "-c /no/such public pickup W", "-v public pickup W 2>/dev/null"): t.sh(f"postkick {c}")
    t.sh("postkick public pickup W", user="alice"); t.sh("postkick private bounce W", user="alice")
    t.sh("/usr/sbin/postkick -x"); t.sh("mkfifo -m 666 /var/spool/postfix/public/pipe; postkick public pipe hello; (timeout 5 cat /var/spool/postfix/public/pipe > /tmp/heard) & sleep 0.5; postkick public pipe hello; wait; cat /tmp/heard")
    t.sh("touch /var/spool/postfix/public/plain; postkick public plain x")
    t.main(application_event_drain_time="1x"); t.sh("postkick public pickup W")
    t.main(application_event_drain_time="2s", queue_directory="/no/such"); t.sh("postkick public pickup W")
    t.main(queue_directory="/var/spool/postfix"); t.stop(); t.sh("postkick public pickup W")
