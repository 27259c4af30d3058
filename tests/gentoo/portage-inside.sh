#!/usr/bin/env bash
# portage-inside.sh TOOLS WORK [PART...]: what portage.sh runs inside the copy of the machine. Parts, in this order by default:
#   block     an ssmtp in world gives Portage's block message, and nothing changes; so does every other mail system
#   swap      an ssmtp that only virtual/mta asked for is replaced in one go, with FEATURES=test
#   merge     what has been merged: files, owners, modes, links, manual pages, configuration; mail is delivered
#   live      the 9999 ebuild from a clone takes its place, and gives it back in the next part
#   flags     other flags, hardened, selinux and doc among them, change what is built; changed configuration is kept; mail is delivered
#   unmerge   what is left is what the administrator changed
# Not by default, because they take minutes:
#   release   instead of flags: the same flags in a release build
#   tests     FEATURES=test with the whole suite
set -uo pipefail
tools=$1 work=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
source "$here/say.sh"
source "$here/machine.sh"
package=mail-mta/postfix-rs
log=$work/log

prepare() {
  export PATH=$tools/portage-3.0.83/bin:/usr/bin:/bin:/usr/sbin:/sbin NOCOLOR=true EMERGE_DEFAULT_OPTS="--color=n --quiet-build=y"
  unset RUSTUP_HOME CARGO_HOME CARGO_INCREMENTAL
  PORTAGE_TMPDIR=$work/tmp "$here/configuration.sh" / "$work/master" "$work/overlay" "$work/distfiles"
  # One place for crates and for what they are compiled to. Whoever builds once gains nothing from incremental compilation, nobody
  # looks at these programs with a debugger, and how fast they are is not asked here: the release is built at the first level of
  # optimisation.
  printf '%s\n' "CARGO_TARGET_DIR=\"$work/target\"" "ECARGO_COMMON=\"$work/crates\"" 'USE="debug"' 'CARGO_TERM_COLOR="never"' \
    'CARGO_TERM_PROGRESS_WHEN="never"' 'CARGO_INCREMENTAL="0"' 'CARGO_PROFILE_DEV_DEBUG="0"' 'CARGO_PROFILE_RELEASE_OPT_LEVEL="1"' >> /etc/portage/make.conf
  getent group portage >/dev/null || groupadd -g 250 -r portage
  getent passwd portage >/dev/null || useradd -r -u 250 -g portage -d /var/tmp/portage -s /bin/false portage
  # Portage's scripts say "env python"; its sets are looked for here; GNU tar is gtar on Gentoo.
  [ -e /usr/bin/python ] || ln -s python3 /usr/bin/python
  mkdir -p /usr/share/portage /etc/init.d
  ln -sfn "$tools/portage-3.0.83/cnf" /usr/share/portage/config
  [ -e /usr/bin/gtar ] || ln -s tar /bin/gtar
  dpkg -i "$tools"/debs/pax-utils*.deb >/dev/null 2>&1
  # Whatever Debian has of another mail system or of these accounts is not there on Gentoo.
  without_mta
  userdel postfix 2>/dev/null
  groupdel postfix 2>/dev/null
  groupdel postdrop 2>/dev/null
  emerge -q1 dev-lang/rust-bin app-text/mandoc > "$log/tools" 2>&1 || { tail "$log/tools"; exit 1; }
}

# merged NAME COMMAND...: the command works; its output is kept in the log folder.
merged() {
  local name=$1
  shift
  "$@" > "$log/$name" 2>&1 && { echo "ok    $*"; return; }
  said=$(tail -30 "$log/$name")
  failed "$*"
}

part_block() {
  merged ssmtp emerge mail-mta/ssmtp
  is 1 emerge $package
  says '[blocks B      ] mail-mta/ssmtp[mta] ("mail-mta/ssmtp[mta]" is soft blocking mail-mta/postfix-rs-'
  says 'cannot be'
  holds '[ -d /var/db/pkg/mail-mta/ssmtp-2.64_p12 ] && [ ! -e /usr/sbin/postfix ]'
  local others="courier esmtp exim msmtp netqmail notqmail nullmailer opensmtpd postfix sendmail"
  # shellcheck disable=SC2086
  is 1 emerge -p $package $(printf 'mail-mta/%s ' $others)
  for other in $others; do
    says "[blocks B      ] mail-mta/$other"
  done
  echo 'mail-mta/ssmtp -mta' > /etc/portage/package.use/ssmtp
  is 0 emerge -p --newuse mail-mta/ssmtp $package
  rm /etc/portage/package.use/ssmtp
  emerge -q --unmerge mail-mta/ssmtp >/dev/null 2>&1
}

part_swap() {
  # As after an installation of Gentoo: something wanted an MTA, and Portage chose.
  merged virtual emerge '=virtual/mta-1-r2' mail-mta/ssmtp
  emerge -q --deselect mail-mta/ssmtp >/dev/null
  # The whole suite runs elsewhere; here it is that the ebuild runs tests of the programs that it has built, offline, with its features.
  POSTFIX_RS_TESTS="--test worker --test spool_intake --test spool_real_disk -- --color=never" FEATURES=test merged swap emerge --quiet-build=n $package
  is 0 grep -E "test result: ok. [1-9][0-9]* passed" "$log/swap"
  holds '[ ! -d /var/db/pkg/mail-mta/ssmtp-2.64_p12 ] && [ -d /var/db/pkg/virtual/mta-1-r100 ]'
  holds 'grep -qx postfix-rs /var/db/pkg/mail-mta/postfix-rs-0.1.0/repository'
  holds 'grep -qx "mail-mta/postfix-rs" /var/lib/portage/world'
  is 0 grep -c "Before the first start" "$log/swap"
  said=$(grep -A4 "QA Notice" "$log/swap")
  holds '[ -z "$said" ]'
}

part_merge() {
  holds '[ "$(stat -c %U:%G:%a /usr/sbin/postdrop)" = root:postdrop:2755 ]'
  holds '[ "$(readlink -f /usr/sbin/postqueue)" = /usr/sbin/postdrop ]'
  for link in /usr/sbin/sendmail /usr/bin/mailq /usr/bin/newaliases /usr/lib/sendmail /usr/sbin/postconf /usr/libexec/postfix/master; do
    holds "[ \"\$(readlink -f $link)\" = /usr/sbin/postfix ]"
  done
  holds '[ -x /usr/sbin/postfix-installer ] && [ -x /etc/init.d/postfix ] && [ -f /etc/conf.d/postfix ]'
  holds '[ -f /usr/lib/systemd/system/postfix.service ] && [ -f /usr/lib/systemd/system/postfix@.service ]'
  holds '[ "$(stat -c %U:%a /var/lib/postfix)" = postfix:700 ] && [ -d /var/spool/postfix ]'
  holds '[ "$(id -u postfix):$(id -g postfix):$(getent group postdrop | cut -d: -f3)" = 207:207:208 ]'
  holds '[ ! -e /etc/aliases ] && [ -f /etc/mail/aliases ] && [ -f /etc/mail/aliases.db ]'
  holds 'grep -q "^home_mailbox = .maildir/" /etc/postfix/main.cf && [ "$(postconf -h alias_maps)" = hash:/etc/mail/aliases ]'
  holds 'ls /usr/share/man/man1/postfix.1* /usr/share/man/man5/postconf.5* /usr/share/man/man8/smtpd.8* >/dev/null'
  holds '[ ! -d /usr/share/doc/postfix-rs-0.1.0/html ]'
  holds 'postconf -m | grep -qx lmdb && postconf -m | grep -qx cdb'
  holds '[ "$(features)" = "cdb eai lmdb ssl " ]'
  is 0 postfix check
  # Every file of an installation by hand is here as well.
  env -u USE postfix-installer install --quiet --root /tmp/by-hand >/dev/null 2>&1
  said=$(cd /tmp/by-hand && find . \( -type f -o -type l \) ! -name aliases ! -path './var/*' ! -path './usr/lib/sysusers.d/*' | while read -r name; do [ -e "/$name" ] || echo "$name"; done)
  holds '[ -z "$said" ]'
  getent passwd reader >/dev/null || useradd -m reader
  echo "root: reader" >> /etc/mail/aliases
  sed -i '/^root: postmaster/d' /etc/mail/aliases
  newaliases
  postconf -e 'myhostname = machine.test' 'inet_protocols = ipv4'
  is 0 postfix start
  is 0 deliver
  is 0 postfix stop
}

part_live() {
  git clone --quiet "$work/clone" /usr/src/postfix-rs
  git config --system --add safe.directory '*'
  # cargo_live_src_unpack vendors the crates, which needs the network or, as here, cargo's cache.
  ECARGO_OFFLINE=1 ACCEPT_KEYWORDS="**" merged live emerge --oneshot --quiet-build=n =$package-9999
  holds '[ -d /var/db/pkg/$package-9999 ] && [ ! -d /var/db/pkg/$package-0.1.0 ]'
  holds '[ "$(features)" = "cdb eai lmdb ssl " ]'
  holds '[ "$(postconf -h myhostname)" = machine.test ]'
  is 0 grep -c "The new programs serve after a restart" "$log/live"
  is 0 postfix check
  is 0 postfix start
  is 0 deliver
  is 0 postfix stop
}

# The features that flags have changed here.
features() {
  postfix features | grep -xE "ssl|lmdb|eai|mbox|cdb|hardened" | tr "\n" " "
}

part_flags() {
  other_flags flags ""
}

part_release() {
  other_flags release -debug
  is 0 grep -c -e '-C overflow-checks=on' "$log/release"
  said=$(grep -A4 "QA Notice" "$log/release")
  holds '[ -z "$said" ]'
}

# other_flags PART FLAG: the release ebuild with other flags than before, and that one.
other_flags() {
  echo "$package $2 -lmdb mbox doc -eai hardened selinux" > /etc/portage/package.use/postfix
  merged "$1" emerge --oneshot --quiet-build=n =$package-0.1.0
  holds '[ -d /var/db/pkg/$package-0.1.0 ] && [ ! -d /var/db/pkg/$package-9999 ]'
  holds '[ "$(features)" = "cdb hardened mbox ssl " ]'
  holds '! postconf -m | grep -qx lmdb && postconf -m | grep -qx cdb'
  # selinux brings the policy, which has its place before the files that it labels.
  holds '[ -d /var/db/pkg/sec-policy/selinux-postfix-2.20250618 ]'
  # doc
  holds 'ls /usr/share/doc/postfix-rs-0.1.0/html/postconf.5.html* /usr/share/doc/postfix-rs-0.1.0/html/mandoc.css* >/dev/null'
  # hardened: what the compilers were told, and what came of it.
  for told in '-C relro-level=full' '-C link-arg=-Wl,-z,noexecstack'; do
    is 0 grep -c -e "$told" "$log/$1"
  done
  for program in postfix postdrop postfix-installer; do
    said=$(readelf -Wdlh /usr/sbin/$program)
    for mark in GNU_RELRO BIND_NOW 'DYN ('; do says "$mark"; done
    holds "! readelf -Wl /usr/sbin/$program | grep GNU_STACK | grep -q E"
  done
  # The changed main.cf is still there, the new one beside it, perhaps behind that of another merge.
  holds '[ "$(postconf -h myhostname)" = machine.test ]'
  holds 'new=$(grep -l "^mail_spool_directory = /var/mail" /etc/postfix/._cfg*_main.cf) && ! grep -q "^home_mailbox" $new'
  is 0 grep -c "config file.*need" "$log/$1"
  is 0 postfix check
  # Mail is delivered with all confinement on.
  is 0 postfix start
  is 0 deliver
  is 0 postfix stop
}

part_unmerge() {
  postfix stop 2>/dev/null
  merged unmerge emerge --unmerge $package
  holds '[ ! -e /usr/sbin/postfix ] && [ ! -e /usr/libexec/postfix/master ] && [ ! -e /usr/sbin/sendmail ] && [ ! -e /usr/bin/mailq ]'
  holds '[ -f /etc/postfix/main.cf ] && [ -d /var/spool/postfix ] && [ -f /etc/mail/aliases ]'
  said=$(find /usr/sbin /usr/bin /usr/lib /usr/libexec /usr/share/man /usr/share/doc /etc/init.d -newer "$log/tools" -name '*post*' 2>/dev/null)
  holds '[ -z "$said" ]'
  # What stays in /etc is what somebody has changed.
  said=$(find /etc/postfix /etc/conf.d/postfix /etc/init.d/postfix -type f ! -name main.cf ! -name '._cfg*' ! -name '*.db' 2>/dev/null)
  holds '[ -z "$said" ]'
}

part_tests() {
  FEATURES=test merged tests emerge --oneshot --quiet-build=n =$package-0.1.0
  is 0 grep -c "test result: ok" "$log/tests"
}

# In one piece, so that a change of this file while it runs is none to the run.
main() {
  prepare
  [ $# = 0 ] && set -- block swap merge live flags unmerge
  for part in "$@"; do
    echo "=== $part ($SECONDS s)"
    "part_$part"
  done
  echo "$failures failures ($SECONDS s)"
  [ "$failures" = 0 ]
  exit
}
main "$@"
