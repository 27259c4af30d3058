#!/usr/bin/env bash
# openrc-inside.sh STAGE TOOLS: what openrc.sh runs inside the copy of the machine: every verb, a crash, a broken main.cf, two
# instances, the supervisor.
set -uo pipefail
stage=$1 tools=$2
here=$(cd "$(dirname "$0")" && pwd)
source "$here/say.sh"
source "$here/machine.sh"

dpkg -i "$tools"/debs/{insserv,libeinfo1,librc1,openrc}_*.deb >/dev/null 2>&1
mkdir -p /run/openrc
touch /run/openrc/softlevel
install_machine "$stage"
mkdir -p /etc/conf.d
install -m 755 "$here/../../openrc/postfix.initd" /etc/init.d/postfix
install -m 644 "$here/../../openrc/postfix.confd" /etc/conf.d/postfix
rc-update -u >/dev/null 2>&1
openrc --version
service=/etc/init.d/postfix

echo "=== a first start, without an alias database"
rm -f /etc/mail/aliases.db
is 3 $service status
is 0 $service checkconfig
is 0 $service start
says "Building /etc/mail/aliases.db"
holds '[ /etc/mail/aliases.db -nt /etc/mail/aliases ]'
is 0 $service status
is 0 $service start
is 0 deliver
for verb in reload flush restart; do is 0 $service $verb; is 0 $service status; done
is 0 deliver
is 0 $service abort
is 3 $service status

echo "=== aliases that are newer than their database"
touch -d "+1 minute" /etc/mail/aliases
is 0 $service start
says "Building /etc/mail/aliases.db"

echo "=== a crash"
kill -9 "$(master_of /var/spool/postfix)"
sleep 1
is 32 $service status
says crashed
is 0 $service zap
is 0 $service start
is 0 deliver

echo "=== a broken main.cf"
cp /etc/postfix/main.cf /etc/postfix/main.cf.good
echo 'queue_directory' >> /etc/postfix/main.cf
is 1 $service checkconfig
is 1 $service reload
says "missing '=' after attribute name"
is 1 $service restart
says "missing '=' after attribute name"
is 0 deliver
cp /etc/postfix/main.cf.good /etc/postfix/main.cf
is 0 $service stop
echo 'queue_directory' >> /etc/postfix/main.cf
is 1 $service start
says "missing '=' after attribute name"
is 3 $service status
cp /etc/postfix/main.cf.good /etc/postfix/main.cf
chmod 000 /usr/sbin/postfix
is 1 $service start
says "There is no program /usr/sbin/postfix"
chmod 755 /usr/sbin/postfix

echo "=== two instances"
second_instance
ln -s postfix /etc/init.d/postfix.second
is 0 $service start
is 0 /etc/init.d/postfix.second start
is 0 deliver
is 0 deliver 2525
is 0 $service stop
is 3 $service status
is 0 /etc/init.d/postfix.second status
is 0 deliver 2525
is 0 /etc/init.d/postfix.second stop
# Its conf.d says where else its configuration is.
mv /etc/postfix.second /srv/second
echo 'config_directory="/srv/second"' > /etc/conf.d/postfix.second
is 0 /etc/init.d/postfix.second start
is 0 deliver 2525
is 0 /etc/init.d/postfix.second reload
is 0 /etc/init.d/postfix.second stop
ln -s postfix /etc/init.d/postfix.third
is 1 /etc/init.d/postfix.third start
says "There is no /etc/postfix.third"

echo "=== the supervisor"
echo 'supervisor="supervise-daemon"' >> /etc/conf.d/postfix
is 0 $service start
sleep 2
is 0 $service status
is 0 deliver
old=$(master_of /var/spool/postfix)
kill -9 "$old"
for _ in $(seq 50); do
  new=$(master_of /var/spool/postfix)
  [ -n "$new" ] && [ "$new" != "$old" ] && break
  sleep 0.2
done
holds "[ -n '$new' ] && [ '$new' != '$old' ]"
is 0 deliver
is 0 $service reload
is 0 $service flush
is 0 $service checkconfig
before=$(master_of /var/spool/postfix)
is 0 $service restart
for _ in $(seq 50); do
  new=$(master_of /var/spool/postfix)
  [ -n "$new" ] && [ "$new" != "$before" ] && break
  sleep 0.2
done
holds "[ -n '$new' ] && [ '$new' != '$before' ]"
is 0 $service status
is 0 deliver
# A restart that could not end well leaves what runs alone.
echo 'queue_directory' >> /etc/postfix/main.cf
is 1 $service restart
says "missing '=' after attribute name"
cp /etc/postfix/main.cf.good /etc/postfix/main.cf
is 0 $service status
is 0 deliver
is 0 $service stop
is 3 $service status
holds '! postfix status >/dev/null 2>&1'
echo 'queue_directory' >> /etc/postfix/main.cf
is 1 $service start
says "missing '=' after attribute name"
cp /etc/postfix/main.cf.good /etc/postfix/main.cf
is 0 $service start
sleep 2
is 0 $service abort
sleep 3
holds '! postfix status >/dev/null 2>&1'
is 3 $service status

echo "=== what depends on it"
holds 'grep -q "^depinfo_[0-9]*_service=.postfix.$" /run/openrc/deptree'
is 0 rc-update add postfix default
holds '[ -e /etc/runlevels/default/postfix ]'
printf '#!/sbin/openrc-run\ndepend() { need mta; }\nstart() { return 0; }\nstop() { return 0; }\n' > /etc/init.d/wants-mail
chmod 755 /etc/init.d/wants-mail
sed -i '/^supervisor/d' /etc/conf.d/postfix
rc-update -u >/dev/null 2>&1
is 0 /etc/init.d/wants-mail start
is 0 $service status
is 0 $service stop
echo "$failures failures"
[ "$failures" = 0 ]
