#!/usr/bin/env bash
# portage.sh [PART...]: real Portage with our overlay on a throw-away copy of this machine: see portage-inside.sh for the parts.
#
# The source archive is the last commit, so commit before you test. Crates come from cargo's cache into GENTOO_WORK/distfiles; nothing
# is fetched after that. Builds share a cargo target folder and the crates below GENTOO_WORK, and use the debug profile (USE=debug),
# except for the part "release".
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
tools=${GENTOO_TOOLS:-/tmp/postfix-rs-gentoo}
work=${GENTOO_WORK:-$tools/work}
"$here/tools.sh" "$tools" portage
mkdir -p "$work/log" "$work/target" "$work/tmp"
python3 "$here/master.py" "$work/master"
# The digest of the archive is known only now: Manifest is made in a copy of the overlay.
rm -rf "$work/overlay" "$work/clone"
git clone --quiet "$top" "$work/clone"
"$work/clone/ebuild/update" --check
"$work/clone/ebuild/update" --manifest "$work/distfiles"
cp -r "$work/clone/ebuild" "$work/overlay"
# The live ebuild vendors its crates from here, offline.
mkdir -p "$work/distfiles/cargo-registry"
ln -sfn "${CARGO_HOME:-$HOME/.cargo}/registry" "$work/distfiles/cargo-registry/registry"
exec "$here/namespace.sh" -o "$work" bash "$here/portage-inside.sh" "$tools" "$work" "$@"
