"""postlock: every style of lock while a command runs, its exit code, files that cannot be locked, wrong command lines."""


def run(t):
    t.main(deliver_lock_attempts="2", deliver_lock_delay="1s", stale_lock_time="500s")
    t.sh("mkdir /w; touch /w/box", quiet=True)
    def say(c, **kw): t.sh("cd /w; " + c, **kw)
    for style in ("dotlock", "flock", "fcntl", "flock, dotlock", "fcntl dotlock", "", "lock", "dotlock x"):
        say(f"postlock -l '{style}' /w/box sh -c 'ls; flock -n /w/box true || echo flocked; exit 3'; ls")
    say("postlock /w/box sh -c 'ls; exit 0'"); say("postlock /w/box false"); say("postlock /w/box sh -c 'kill -9 $$'"); say("postlock /w/box /no/such"); say("postlock /w/box /etc/passwd")
    for c in ("", "/w/box", "-x /w/box true", "-c /no/such /w/box true", "-v /w/box true 2>/dev/null", "/w/none/box true", "/w true", "/dev/null true", "relative true"): say(f"postlock {c}")
    say("rm -f relative; ls -l relative /w/box 2>&1 | cut -c1-10; postlock /w/fresh ls -l /w/fresh | cut -c1-10; rm fresh")
    say("touch box.lock; postlock /w/box echo never; touch -d '1 hour ago' box.lock; rm -f box.lock")
    say("flock /w/box sh -c 'postlock -l flock /w/box echo never'"); say("flock /w/box sh -c 'postlock -l fcntl /w/box echo runs'")
    say("touch /w/theirs; chmod 600 /w/theirs; chmod 777 /w", quiet=True); say("postlock /w/theirs echo never", user="alice"); say("postlock -l dotlock /w/own ls /w; ls /w", user="alice")
    say("ln -s /w/box /w/link; postlock /w/link ls; ln -s /w/none /w/dangling; postlock /w/dangling ls; ls"); say("ln /w/box /w/hard; postlock /w/box echo linked; rm /w/hard; chmod 755 /w/box; postlock /w/box echo executable")
    say("printenv TZ; TZ=X MAIL_VERBOSE= postlock /w/box printenv TZ 2>/dev/null"); t.main(mailbox_delivery_lock="nosuch"); say("postlock /w/box true"); t.main(mailbox_delivery_lock="dotlock"); say("postlock /w/box ls")
    say("postlock /w/box cat", stdin="what is said to it\n"); say("/usr/sbin/postlock")
