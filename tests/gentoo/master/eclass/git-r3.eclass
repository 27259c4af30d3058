# Copyright 2026 the postfix-rs project
# Distributed under the terms of the GNU General Public License v2
# Stand-in for tests only: same interface, not the same code.

# @ECLASS: git-r3.eclass
# @MAINTAINER:
# test stand-in
# @SUPPORTED_EAPIS: 7 8
# @BLURB: stand-in for fetching from git

case ${EAPI} in 7|8) ;; *) die "${ECLASS}: EAPI ${EAPI:-0} not supported" ;; esac

if [[ -z ${_GIT_R3_ECLASS} ]]; then
_GIT_R3_ECLASS=1

PROPERTIES="live"
BDEPEND="dev-vcs/git"

# @ECLASS_VARIABLE: EGIT_REPO_URI
# @REQUIRED
# @DEFAULT_UNSET
# @DESCRIPTION:
# Where the repository is.

# @FUNCTION: git-r3_src_unpack
# @DESCRIPTION:
# Clones the repository into S.
git-r3_src_unpack() {
	git clone --quiet --depth 1 "${EGIT_REPO_URI}" "${S}" || die "git clone failed"
}

fi

EXPORT_FUNCTIONS src_unpack
