# Copyright 2026 the postfix-rs project
# Distributed under the terms of the GNU General Public License v2
# Stand-in for tests only: same interface, not the same code.

# @ECLASS: rust.eclass
# @MAINTAINER:
# test stand-in
# @SUPPORTED_EAPIS: 8
# @BLURB: stand-in for the Rust slot helper

case ${EAPI} in 8) ;; *) die "${ECLASS}: EAPI ${EAPI:-0} not supported" ;; esac

if [[ -z ${_RUST_ECLASS} ]]; then
_RUST_ECLASS=1

# @ECLASS_VARIABLE: RUST_MIN_VER
# @PRE_INHERIT
# @DEFAULT_UNSET
# @DESCRIPTION:
# Lowest Rust version that is good enough.

# @ECLASS_VARIABLE: RUST_MAX_VER
# @PRE_INHERIT
# @DEFAULT_UNSET
# @DESCRIPTION:
# Highest Rust version that is good enough (not used here).

# @ECLASS_VARIABLE: RUST_DEPEND
# @OUTPUT_VARIABLE
# @DESCRIPTION:
# The dependency string.
RUST_DEPEND="|| (
	>=dev-lang/rust-bin-${RUST_MIN_VER:-1.74.1}:*
	>=dev-lang/rust-${RUST_MIN_VER:-1.74.1}:*
)"
BDEPEND="${RUST_DEPEND}"

# @FUNCTION: rust_pkg_setup
# @DESCRIPTION:
# Finds the newest installed toolchain, exports CARGO and RUSTC.
rust_pkg_setup() {
	[[ ${MERGE_TYPE} == binary ]] && return
	local d best=
	for d in "${BROOT}"/opt/rust-bin-*/bin; do
		[[ -x ${d}/cargo ]] && best=${d}
	done
	[[ -n ${best} ]] || die "no Rust toolchain under ${BROOT}/opt/rust-bin-*"
	export PATH="${best}:${PATH}" CARGO="${best}/cargo" RUSTC="${best}/rustc"
	einfo "Using Rust from ${best}"
}

fi

EXPORT_FUNCTIONS pkg_setup
