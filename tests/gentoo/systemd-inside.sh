#!/usr/bin/env bash
# systemd-inside.sh: what systemd.sh runs as a unit inside the copy of the machine: the units start, mail goes every way under all of
# their hardening, a crash, a broken main.cf, an instance.
set -uo pipefail
source /test/say.sh
source /test/machine.sh
export LC_ALL=C

# The accounts come from our own sysusers file.
userdel postfix 2>/dev/null
groupdel postfix 2>/dev/null
groupdel postdrop 2>/dev/null
cp /units/*.service /etc/systemd/system/
install -D -m 644 /units/postfix-rs.sysusers /usr/lib/sysusers.d/postfix-rs.conf
install -D -m 644 /units/postfix-rs.tmpfiles /usr/lib/tmpfiles.d/postfix-rs.conf
is 0 systemd-sysusers /usr/lib/sysusers.d/postfix-rs.conf
holds '[ "$(id -u postfix):$(id -g postfix)" = 207:207 ] && getent group postdrop | grep -q :208:'
install_machine /stage
rm -rf /var/spool/postfix /var/lib/postfix
is 0 systemd-tmpfiles --create /usr/lib/tmpfiles.d/postfix-rs.conf
holds '[ "$(stat -c %a:%U /var/lib/postfix /var/spool/postfix | tr "\n" " ")" = "700:postfix 755:root " ]'

echo "=== the units by themselves"
for unit in postfix.service postfix@.service; do
  is 0 systemd-analyze verify --man=no /etc/systemd/system/$unit
  silent
  is 0 systemd-analyze security --offline=yes --threshold=30 /etc/systemd/system/$unit
done

echo "=== a start"
rm -f /etc/mail/aliases.db
is 0 systemctl daemon-reload
is 0 systemctl start postfix
is 0 systemctl is-active postfix
holds '[ -f /etc/mail/aliases.db ]'
holds 'systemctl show -p StatusText postfix | grep -q "Serving the configuration in /etc/postfix"'
master=$(systemctl show -p MainPID --value postfix)
holds "[ $master = $(master_of /var/spool/postfix) ]"
holds "grep -q 'Seccomp:.*2' /proc/$master/status"
holds "grep -qi 'CapBnd:.*000000000004eb' /proc/$master/status || { grep CapBnd /proc/$master/status; false; }"
holds "nsenter -t $master -m sh -c '! touch /usr/x 2>/dev/null && ! touch /etc/x 2>/dev/null && [ ! -e /dev/kmsg ]'"

echo "=== mail"
is 0 deliver
# A user without rights hands in mail through the set-gid postdrop.
is 0 runuser -u reader -- sh -c 'printf "Subject: by-hand\n\nx\n" | sendmail root'
is 0 wait_for_mail by-hand
# A program in a .forward runs as its user and hands mail on through postdrop, inside the service's confinement.
useradd -m -d /srv/homes/forwarder -s /bin/sh forwarder 2>/dev/null || { mkdir -p /srv/homes; useradd -m -d /srv/homes/forwarder forwarder; }
printf '"|/usr/sbin/sendmail -f forwarder reader"\n' > /srv/homes/forwarder/.forward
chown forwarder: /srv/homes/forwarder/.forward
is 0 runuser -u reader -- sh -c 'printf "Subject: by-program\n\nx\n" | sendmail forwarder'
is 0 wait_for_mail by-program
# A home that is nowhere near /home.
useradd -m -d /opt/homes/far -s /bin/sh far 2>/dev/null || { mkdir -p /opt/homes; useradd -m -d /opt/homes/far far; }
is 0 sh -c 'printf "Subject: far-away\n\nx\n" | sendmail far'
holds 'for i in $(seq 100); do grep -rqs far-away /opt/homes/far/.maildir/new && break; sleep 0.1; done; [ "$(stat -c %U /opt/homes/far/.maildir/new/*)" = far ]'
# A mailbox in /var/mail, and an alias that writes a file.
postconf -e 'home_mailbox =' 'mail_spool_directory = /var/mail'
is 0 systemctl reload postfix
is 0 sh -c 'printf "Subject: to-spool\n\nx\n" | sendmail far'
holds 'for i in $(seq 100); do grep -qs to-spool /var/mail/far && break; sleep 0.1; done; [ "$(stat -c %U:%a /var/mail/far)" = far:600 ]'
postconf -e 'home_mailbox = .maildir/'
is 0 systemctl reload postfix
is 0 deliver
is 0 mailq
says "Mail queue is empty"

echo "=== a broken main.cf"
cp /etc/postfix/main.cf /etc/postfix/main.cf.good
echo queue_directory >> /etc/postfix/main.cf
is 1 systemctl reload postfix
is 0 systemctl is-active postfix
kill -HUP "$master"
holds 'for i in $(seq 50); do systemctl show -p StatusText postfix | grep -q "Reload refused.*missing .=. after attribute name" && break; sleep 0.1; done; [ $i -lt 50 ]'
is 0 systemctl is-active postfix
is 0 systemctl stop postfix
is 1 systemctl start postfix
is 3 systemctl is-active postfix
cp /etc/postfix/main.cf.good /etc/postfix/main.cf
systemctl reset-failed postfix
is 0 systemctl start postfix
is 0 deliver

echo "=== a crash"
master=$(systemctl show -p MainPID --value postfix)
kill -9 "$master"
holds 'for i in $(seq 100); do new=$(systemctl show -p MainPID --value postfix); [ "$new" != 0 ] && [ "$new" != $master ] && [ "$(systemctl is-active postfix)" = active ] && break; sleep 0.1; done; [ $i -lt 100 ]'
is 0 deliver

echo "=== an instance, and the end"
second_instance
is 0 systemctl start postfix@second
is 0 deliver 2525
is 0 systemctl restart postfix
is 0 deliver
is 0 systemctl stop postfix
is 3 systemctl is-active postfix
is 0 deliver 2525
is 0 systemctl enable postfix
holds '[ -L /etc/systemd/system/multi-user.target.wants/postfix.service ]'
is 0 systemctl stop postfix@second
holds '! pgrep -x master >/dev/null'
[ "$failures" = 0 ] || journalctl --no-pager -u postfix | tail -60
echo "$failures failures"
