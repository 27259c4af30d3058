#!/usr/bin/env bash
# pkgcheck.sh [OVERLAY]: pkgcheck has nothing to say about the overlay, not even in passing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
overlay=$(realpath "${1:-$here/../../ebuild}")
tools=${GENTOO_TOOLS:-/tmp/postfix-rs-gentoo}
"$here/tools.sh" "$tools" portage
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$here/master.py" "$work/master"
# pkgcheck leaves its caches in what it scans.
cp -r "$overlay" "$work/overlay"
"$here/configuration.sh" "$work" "$work/master" "$work/overlay" "$work/distfiles"
said=$("$tools/venv/bin/pkgcheck" --config "$work/etc/portage" scan --cache-dir "$work/cache" -r postfix-rs \
  --exit error,warning,style,info 2>&1) || true
echo "${said:-pkgcheck says nothing}"
[ -z "$said" ]
