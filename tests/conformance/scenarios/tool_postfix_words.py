"""postfix: all of its commands, in the wrong state and the right one; check's findings; exit codes."""


def run(t):
    def say(c, **kw): t.logs.clear(); t.sh(c, **kw); t.log("postfix-script|postfix:|postsuper|fatal|warning", drop=("starting the Postfix", "group or other writable", "not owned by"))
    for c in ("", "nosuch", "-x", "status", "stop", "reload", "abort", "drain", "-c /no/such status", "check x", "start x", "logrotate", "tls", "tls nosuch", "quick-start", "quick-stop"): say(f"postfix {c}")
    t.start(); say("postfix start"); say("postfix start-fg"); t.sh("postfix status"); say("postfix flush"); say("postfix reload"); say("postfix check"); say("postfix logrotate"); say("postfix abort; sleep 0.5; postfix status")
    say("postfix status", user="alice"); say("postfix check", user="alice")
    t.main(nosuch="$x", soft_bounce="maybe"); say("postfix check"); t.sh("sed -i /nosuch/d /etc/postfix/main.cf", quiet=True); t.main(soft_bounce="no", queue_directory="/no/such"); say("postfix check"); say("postfix start"); t.main(queue_directory="/var/spool/postfix"); t.start(); say("postfix drain; sleep 1; postfix status"); say("echo garbage > /etc/postfix/main.cf; postfix check")
