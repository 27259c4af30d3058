# Copyright 2026 the postfix-rs project
# Distributed under the terms of the GNU General Public License v2
# Stand-in for tests only: same interface, not the same code.

# @ECLASS: tmpfiles.eclass
# @MAINTAINER:
# test stand-in
# @SUPPORTED_EAPIS: 7 8
# @BLURB: stand-in for the tmpfiles.d helper
if [[ -z ${_TMPFILES_ECLASS} ]]; then
_TMPFILES_ECLASS=1
RDEPEND="virtual/tmpfiles"

# @FUNCTION: dotmpfiles
# @USAGE: <file>...
# @DESCRIPTION:
# Installs tmpfiles.d files.
dotmpfiles() { ( insinto /usr/lib/tmpfiles.d; doins "$@" ); }

# @FUNCTION: newtmpfiles
# @USAGE: <old-name> <new-name>
# @DESCRIPTION:
# Installs one tmpfiles.d file under a new name.
newtmpfiles() { ( insinto /usr/lib/tmpfiles.d; newins "$@" ); }

# @FUNCTION: tmpfiles_process
# @USAGE: <file>...
# @DESCRIPTION:
# Runs systemd-tmpfiles where it exists.
tmpfiles_process() {
	[[ -n ${ROOT} ]] && return
	type -P systemd-tmpfiles >/dev/null && systemd-tmpfiles --create "$@"
	return 0
}

fi
