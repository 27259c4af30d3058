#!/usr/bin/env bash
# configuration.sh ROOT MASTER OVERLAY DISTFILES: writes ROOT/etc/portage for the tests: two repositories, distfiles from a folder, and
# no way to fetch anything.
set -euo pipefail
root=${1%/} master=$2 overlay=$3 distfiles=$4
mkdir -p "$root"/etc/portage/{profile,package.use,package.accept_keywords} "$root/var/tmp"
cat > "$root/etc/portage/repos.conf" <<E2
[DEFAULT]
main-repo = gentoo

[gentoo]
location = $master
auto-sync = no

[postfix-rs]
location = $overlay
auto-sync = no
E2
ln -sfn "$master/profiles/default/linux/amd64/23.0" "$root/etc/portage/make.profile"
cat > "$root/etc/portage/make.conf" <<E2
DISTDIR="$distfiles"
PKGDIR="$root/var/cache/binpkgs"
PORTAGE_TMPDIR="${PORTAGE_TMPDIR:-$root/var/tmp}"
ACCEPT_KEYWORDS="~amd64"
ACCEPT_LICENSE="*"
GENTOO_MIRRORS=""
FETCHCOMMAND="/bin/false \"\\\${URI}\" \"\\\${DISTDIR}/\\\${FILE}\""
RESUMECOMMAND="/bin/false \"\\\${URI}\" \"\\\${DISTDIR}/\\\${FILE}\""
# Debian has no sys-apps/sandbox; the network stays cut off in src_* phases.
FEATURES="-sandbox -usersandbox -userpriv -userfetch -news -merge-sync -merge-wait -multilib-strict network-sandbox pid-sandbox ipc-sandbox collision-protect -qa-unresolved-soname-deps"
PORTAGE_ELOG_SYSTEM="echo"
PORTAGE_ELOG_CLASSES="warn error qa log"
MAKEOPTS="-j2"
NOCOLOR="true"
E2
