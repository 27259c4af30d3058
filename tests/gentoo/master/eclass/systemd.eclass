# Copyright 2026 the postfix-rs project
# Distributed under the terms of the GNU General Public License v2
# Stand-in for tests only: same interface, not the same code.

# @ECLASS: systemd.eclass
# @MAINTAINER:
# test stand-in
# @SUPPORTED_EAPIS: 7 8
# @BLURB: stand-in for the systemd unit helper
if [[ -z ${_SYSTEMD_ECLASS} ]]; then
_SYSTEMD_ECLASS=1

# @FUNCTION: systemd_get_systemunitdir
# @DESCRIPTION:
# Prints the unit directory.
systemd_get_systemunitdir() { echo /usr/lib/systemd/system; }

# @FUNCTION: systemd_dounit
# @USAGE: <unit>...
# @DESCRIPTION:
# Installs units.
systemd_dounit() {
	( insopts -m 0644; insinto "$(systemd_get_systemunitdir)"; doins "$@" )
}

# @FUNCTION: systemd_newunit
# @USAGE: <old-name> <new-name>
# @DESCRIPTION:
# Installs one unit under a new name.
systemd_newunit() {
	( insopts -m 0644; insinto "$(systemd_get_systemunitdir)"; newins "$@" )
}

fi
