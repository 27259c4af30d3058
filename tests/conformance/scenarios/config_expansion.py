"""Values of main.cf that cannot be expanded: whether the system starts. Names that nothing refers to do no harm."""

VALUES = ["mine = ${", "smtpd_banner = ${mine?{x}", "smtpd_banner = ${{a} ~ {b} ? {c} : {d}}", "smtpd_banner = $mine\nmine = $smtpd_banner",
          "mine = ${\nsmtpd_banner = $$mine"]


def run(t):
    t.start()
    t.stop()
    t.sh("cp /etc/postfix/main.cf /tmp/main.base", quiet=True)
    for value in VALUES:
        t.title(repr(value))
        t.file("/tmp/added", value + "\n")
        t.sh("cat /tmp/main.base /tmp/added > /etc/postfix/main.cf", quiet=True)
        t.sh("postfix start > /dev/null 2>&1")
        t.sh("postfix status > /dev/null 2>&1")
        t.sh("postfix stop 2> /dev/null", quiet=True)
