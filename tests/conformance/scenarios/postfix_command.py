"""postfix(1): every action with the system down and up, twice, and wrong command lines: exit codes and log lines."""


def run(t):
    def say(command):
        t.logs.clear(); t.sh(command); t.log(r"postfix-script|postfix/master|postfix:", drop=("reload -- version", "running: PID"))
    t.title("down")
    for c in ("status", "stop", "reload", "abort", "check"): say(f"postfix {c}")
    t.title("up"); t.start()
    for c in ("start", "status", "flush", "reload", "stop", "status"): say("postfix " + c if c != "status" else "postfix status >/dev/null")
    t.title("wrong")
    for c in ("postfix", "postfix frobnicate", "postfix -c relative check", "postfix -z", "postfix -c /no/such/directory check"): say(c)
    t.sh("postfix check", user="alice")
    t.title("folders"); t.sh("cd /var/spool/postfix; stat -c '%A %U %G %n' active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace")
