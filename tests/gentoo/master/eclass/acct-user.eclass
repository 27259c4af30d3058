# Copyright 2026 the postfix-rs project
# Distributed under the terms of the GNU General Public License v2
# Stand-in for tests only: same interface, not the same code.

# @ECLASS: acct-user.eclass
# @MAINTAINER:
# test stand-in
# @SUPPORTED_EAPIS: 8
# @BLURB: stand-in for the system user eclass
if [[ -z ${_ACCT_USER_ECLASS} ]]; then
_ACCT_USER_ECLASS=1
HOMEPAGE="https://example.org/"
LICENSE="GPL-2"
SLOT="0"
KEYWORDS="amd64 arm64"
S=${WORKDIR}

# @FUNCTION: acct-user_add_deps
# @DESCRIPTION:
# Adds the groups to RDEPEND.
acct-user_add_deps() {
	RDEPEND+=" ${ACCT_USER_GROUPS[*]/#/acct-group/}"
}

# @FUNCTION: acct-user_pkg_preinst
# @DESCRIPTION:
# Adds the user.
acct-user_pkg_preinst() {
	grep -q "^${PN}:" "${EROOT}/etc/passwd" 2>/dev/null && return
	local o=( -r -M -d /dev/null -s /sbin/nologin -g "${ACCT_USER_GROUPS[0]}" )
	[[ ${ACCT_USER_ID} -gt 0 ]] && ! grep -q "^[^:]*:[^:]*:${ACCT_USER_ID}:" "${EROOT}/etc/passwd" 2>/dev/null &&
		o+=( -u "${ACCT_USER_ID}" )
	local IFS=,
	[[ ${#ACCT_USER_GROUPS[@]} -gt 1 ]] && o+=( -G "${ACCT_USER_GROUPS[*]:1}" )
	[[ -n ${ROOT} ]] && o+=( --prefix "${ROOT}" )
	useradd "${o[@]}" "${PN}" || die "useradd failed"
}

fi
EXPORT_FUNCTIONS pkg_preinst
