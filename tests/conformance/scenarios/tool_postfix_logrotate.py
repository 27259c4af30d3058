"""postfix logrotate: a log that goes on in a new file, without a running system, and what is refused."""


def run(t):
    def say(command):
        t.logs.clear(); t.sh(command + " 2>/dev/null"); t.log(r"fatal: .*(logrotate|rotat|empty)")
    t.master("postlog unix-dgram n - n - 1 postlogd")
    say("postfix logrotate"); say("postfix logrotate now")
    t.main(maillog_file="/dev/stdout"); t.sh("postfix logrotate 2>&1 | grep -o 'not rotating.*'")
    t.main(maillog_file="/var/log/mail/log", maillog_file_rotate_suffix="%Y"); t.sh("mkdir -p /var/log/mail; chmod 755 /var/log/mail; postlog before; postfix logrotate; ls /var/log/mail | sed 's/[0-9]\\{4\\}/YEAR/'; zcat /var/log/mail/log.*.gz | grep -c before")
    t.main(maillog_file_rotate_suffix="x"); t.sh("postlog after; cat /var/log/mail/log | grep -c after; postfix start; postfix logrotate; sendmail -f alice nobody@nowhere.invalid < /dev/null; for i in 1 2 3 4 5 6 7 8 9; do grep -q 'from=<alice' /var/log/mail/log && break; sleep 0.5; done; "
                                             "ls /var/log/mail | sed 's/[0-9]\\{4\\}/YEAR/'; zcat /var/log/mail/log.x.gz | grep -c after; grep -c 'from=<alice' /var/log/mail/log")
    t.main(maillog_file_compressor="/bin/false", maillog_file_rotate_suffix="y"); t.sh("postfix stop; postfix logrotate; ls /var/log/mail | sed 's/[0-9]\\{4\\}/YEAR/'")
    t.main(maillog_file_compressor=""); t.sh("postfix logrotate")
