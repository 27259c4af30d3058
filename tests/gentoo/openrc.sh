#!/usr/bin/env bash
# openrc.sh STAGE: the init script under real OpenRC (Debian's package), in a throw-away copy of this machine. STAGE is a folder made
# by postfix-installer install --root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
stage=$(realpath "${1:?usage: openrc.sh STAGE}")
tools=${GENTOO_TOOLS:-/tmp/postfix-rs-gentoo}
"$here/tools.sh" "$tools" openrc
exec "$here/namespace.sh" bash "$here/openrc-inside.sh" "$stage" "$tools"
