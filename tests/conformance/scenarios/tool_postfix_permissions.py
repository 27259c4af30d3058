"""postfix set-permissions mends owners and modes; upgrade-configuration adds what master.cf lacks, once."""


def run(t):
    show = "cd /var/spool/postfix; stat -c '%A %U %G %n' . active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace deferred/A /etc/postfix /etc/postfix/main.cf /var/lib/postfix; stat -Lc '%A %U %G %n' /usr/sbin/postdrop"
    t.sh("cd /etc/postfix; rm -rf postfix-script post-install; touch makedefs.out; cp main.cf main.cf.proto; cp master.cf master.cf.proto"); t.sh("postfix check; postfix set-permissions"); t.sh(show)
    t.title("damaged"); t.sh("cd /var/spool/postfix; chown alice active deferred maildrop public /var/lib/postfix; mkdir -m 700 deferred/A; chown alice deferred/A; chmod 777 . pid incoming maildrop; chmod 755 /usr/sbin/postdrop; chgrp root maildrop public /usr/sbin/postdrop; "
                               "chmod 666 /etc/postfix/main.cf; chown alice /etc/postfix; rmdir trace")
    t.sh("postfix set-permissions"); t.sh(show)
    t.title("another owner"); t.sh("getent passwd bob >/dev/null && postfix set-permissions mail_owner=bob; stat -c '%U %n' /var/spool/postfix/active; postfix set-permissions; stat -c '%U %n' /var/spool/postfix/active; postfix set-permissions nonsense >/dev/null 2>&1 || echo refused")
    t.title("upgrade"); t.sh("cd /etc/postfix; grep -vE '^(relay|flush|trace|verify|proxymap|proxywrite|anvil|scache|discard|tlsmgr|retry|postlog)' master.cf > m; echo 'smtp inet n - n - - smtpd' > master.cf; grep -v '^smtp ' m >> master.cf; postconf -e inet_protocols=ipv4")
    t.sh("postfix upgrade-configuration >/dev/null; cd /etc/postfix; for s in relay flush trace verify proxymap proxywrite anvil scache discard tlsmgr retry; do postconf -M $s/unix; done; postconf -M postlog/unix-dgram; grep -c '^#.*postscreen$' master.cf; cp master.cf m; postfix upgrade-configuration; cmp master.cf m; postfix check")
