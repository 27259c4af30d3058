# Copyright 2026 the postfix-rs project
# Distributed under the terms of the GNU General Public License v2
# Stand-in for tests only: same interface, not the same code.

# @ECLASS: acct-group.eclass
# @MAINTAINER:
# test stand-in
# @SUPPORTED_EAPIS: 8
# @BLURB: stand-in for the system group eclass
if [[ -z ${_ACCT_GROUP_ECLASS} ]]; then
_ACCT_GROUP_ECLASS=1
DESCRIPTION="System group: ${PN}"
HOMEPAGE="https://example.org/"
LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64 arm64"
S=${WORKDIR}

# @FUNCTION: acct-group_pkg_preinst
# @DESCRIPTION:
# Adds the group.
acct-group_pkg_preinst() {
	grep -q "^${PN}:" "${EROOT}/etc/group" 2>/dev/null && return
	local o=( -r )
	[[ ${ACCT_GROUP_ID} -gt 0 ]] && ! grep -q "^[^:]*:[^:]*:${ACCT_GROUP_ID}:" "${EROOT}/etc/group" 2>/dev/null &&
		o+=( -g "${ACCT_GROUP_ID}" )
	[[ -n ${ROOT} ]] && o+=( --prefix "${ROOT}" )
	groupadd "${o[@]}" "${PN}" || die "groupadd failed"
}

fi
EXPORT_FUNCTIONS pkg_preinst
