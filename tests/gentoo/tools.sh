#!/usr/bin/env bash
# tools.sh FOLDER PART...: brings what the tests of this folder need, into FOLDER. Parts: openrc (Debian's packages of OpenRC, to be
# installed inside a throw-away machine only), portage (Portage run from its source tree, pkgcheck, pax-utils).
#
# Versions are pinned: newer pkgcore wants bash 5.3, which Debian 12 does not have. Portage from pip would take the folder it is
# installed in for the root of a Gentoo prefix; run from its source tree it manages /.
set -euo pipefail
folder=$1
shift
mkdir -p "$folder/debs"
packages() {
  local missing=()
  for package in "$@"; do
    compgen -G "$folder/debs/${package}_*.deb" >/dev/null || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] || (cd "$folder/debs" && apt-get -o APT::Sandbox::User=root -qq download "${missing[@]}")
}
for part in "$@"; do
  case $part in
    openrc) packages openrc libeinfo1 librc1 insserv ;;
    portage)
      packages pax-utils
      if [ ! -d "$folder/portage-3.0.83" ]; then
        python3 -m pip download -q --no-deps --no-binary portage portage==3.0.83 -d "$folder/download"
        tar xf "$folder/download/portage-3.0.83.tar.gz" -C "$folder"
      fi
      if [ ! -x "$folder/venv/bin/pkgcheck" ]; then
        python3 -m venv "$folder/venv"
        "$folder/venv/bin/pip" -q install pkgcheck==0.10.37 pkgcore==0.12.30 snakeoil==0.10.11 pkgdev==0.2.13 portage==3.0.83
      fi ;;
    *) echo "tools.sh: no part $part" >&2; exit 64 ;;
  esac
done
