# shellcheck shell=bash
# A staged mail system on this (throw-away) machine, as Gentoo has it. Sourced.

# Removes whatever mail system this machine has from the copy.
without_mta() {
  local package name
  for package in postfix exim4-base exim4-config exim4-daemon-light msmtp-mta nullmailer opensmtpd sendmail-bin; do
    dpkg -L "$package" 2>/dev/null | while read -r name; do
      if [ ! -d "$name" ]; then rm -f "$name"; fi
    done
  done
  rm -rf /etc/postfix /etc/mail /etc/aliases* /var/spool/postfix /var/lib/postfix /etc/init.d/postfix /etc/conf.d/postfix
  rm -f /usr/sbin/{sendmail,postfix,postdrop,postfix-installer} /usr/lib/sendmail /usr/bin/{mailq,newaliases}
  rm -rf /usr/libexec/postfix /usr/lib/systemd/system/postfix*
}

# install_machine STAGE
install_machine() {
  without_mta
  cp -a "$1"/usr/. /usr/
  mkdir -p /etc/mail /var/spool/postfix /var/lib/postfix
  cp -a "$1/etc/postfix" /etc/postfix
  getent group postdrop >/dev/null || groupadd -r postdrop
  getent passwd postfix >/dev/null || useradd -r -M -d /var/spool/postfix -s /sbin/nologin -U postfix
  getent passwd reader >/dev/null || useradd -m -d /home/reader reader
  chgrp postdrop /usr/sbin/postdrop
  chmod 2755 /usr/sbin/postdrop
  printf 'root: reader\npostmaster: reader\n' > /etc/mail/aliases
  sed -i -e '/^alias_/d' -e 's/^#home_mailbox/home_mailbox/' /etc/postfix/main.cf
  printf '%s\n' 'myhostname = machine.test' 'alias_maps = hash:/etc/mail/aliases' 'alias_database = hash:/etc/mail/aliases' \
    'inet_protocols = ipv4' >> /etc/postfix/main.cf
}

# A second system beside the first, in /etc/postfix.second, on port 2525.
second_instance() {
  cp -a /etc/postfix /etc/postfix.second
  sed -i -e '/^queue_directory/d' -e '/^data_directory/d' -e 's/^myhostname.*/myhostname = second.test/' /etc/postfix.second/main.cf
  printf '%s\n' 'queue_directory = /var/spool/postfix.second' 'data_directory = /var/lib/postfix.second' >> /etc/postfix.second/main.cf
  sed -i 's/^smtp  *inet/2525 inet/' /etc/postfix.second/master.cf
}

# deliver [PORT]: a message to root through SMTP arrives in reader's maildir.
deliver() {
  local port=${1:-25} mark="mark-$RANDOM$RANDOM"
  python3 - "$port" "$mark" <<'P' || return 1
import smtplib, sys, time
port, mark = sys.argv[1:]
for attempt in range(100):
    try:
        client = smtplib.SMTP("127.0.0.1", int(port), timeout=20)
        break
    except ConnectionRefusedError as e:
        why = e
        time.sleep(0.1)
else:
    sys.exit(f"port {port}: {why}")
client.sendmail("someone@example.org", ["root"], f"Subject: {mark}\n\nthrough SMTP\n")
client.quit()
P
  wait_for_mail "$mark"
}

# wait_for_mail TEXT: a file of reader's maildir holds it.
wait_for_mail() {
  for _ in $(seq 100); do
    grep -rqF -- "$1" /home/reader/.maildir/new 2>/dev/null && return 0
    sleep 0.1
  done
  echo "no mail with $1"
  return 1
}

# The process that holds the lock of a queue.
master_of() {
  local pid
  pid=$(cat "$1/pid/master.pid" 2>/dev/null) && kill -0 "${pid// /}" 2>/dev/null && echo "${pid// /}"
}
