# Copyright 2026 the postfix-rs project
# Distributed under the terms of the GNU General Public License v2
# Stand-in for tests only: same interface, not the same code.

# @ECLASS: cargo.eclass
# @MAINTAINER:
# test stand-in
# @SUPPORTED_EAPIS: 8
# @PROVIDES: rust
# @BLURB: stand-in for the cargo build eclass

case ${EAPI} in 8) ;; *) die "${ECLASS}: EAPI ${EAPI:-0} not supported" ;; esac

if [[ -z ${_CARGO_ECLASS} ]]; then
_CARGO_ECLASS=1

inherit rust

IUSE="debug"

# @ECLASS_VARIABLE: CRATES
# @DEFAULT_UNSET
# @PRE_INHERIT
# @DESCRIPTION:
# name@version of every crate to fetch.

# @ECLASS_VARIABLE: GIT_CRATES
# @DEFAULT_UNSET
# @PRE_INHERIT
# @DESCRIPTION:
# Not supported here.

# @ECLASS_VARIABLE: myfeatures
# @DEFAULT_UNSET
# @DESCRIPTION:
# Array of cargo features.

# @ECLASS_VARIABLE: CARGO_CRATE_URIS
# @OUTPUT_VARIABLE
# @DESCRIPTION:
# SRC_URI items made from CRATES.

# @ECLASS_VARIABLE: ECARGO_HOME
# @OUTPUT_VARIABLE
# @DESCRIPTION:
# CARGO_HOME of the build.

# @ECLASS_VARIABLE: ECARGO_VENDOR
# @OUTPUT_VARIABLE
# @DESCRIPTION:
# Where the crates are unpacked.
ECARGO_HOME="${WORKDIR}/cargo_home"
ECARGO_VENDOR="${ECARGO_HOME}/gentoo"

# @ECLASS_VARIABLE: ECARGO_COMMON
# @USER_VARIABLE
# @DEFAULT_UNSET
# @DESCRIPTION:
# Not in the real eclass: a folder that all builds of the test take their crates from. Where crates lie is part of what cargo
# compares, so that with the same place one ebuild goes on with what another one has compiled.

CARGO_CRATE_URIS=
for _c in ${CRATES}; do
	CARGO_CRATE_URIS+="https://example.org/crates/${_c%@*}/${_c##*@}/download -> ${_c%@*}-${_c##*@}.crate "
done
unset _c

# @FUNCTION: cargo_gen_config
# @DESCRIPTION:
# Writes an offline cargo configuration.
cargo_gen_config() {
	local folder="${ECARGO_VENDOR}"
	if [[ -n ${ECARGO_COMMON} ]]; then
		folder="${ECARGO_COMMON}"
		ecargo_into_common
	fi
	mkdir -p "${ECARGO_HOME}" "${ECARGO_VENDOR}" || die
	printf '%s\n' \
		'[source.crates-io]' 'replace-with = "gentoo"' \
		'[source.gentoo]' "directory = \"${folder}\"" \
		'[net]' 'offline = true' \
		> "${ECARGO_HOME}/config.toml" || die
	export CARGO_HOME="${ECARGO_HOME}"
}

# @FUNCTION: ecargo_into_common
# @INTERNAL
# @DESCRIPTION:
# Adds what has been unpacked to ECARGO_COMMON; a crate that is there already must have the same digest.
ecargo_into_common() {
	local crate sum=.cargo-checksum.json
	mkdir -p "${ECARGO_COMMON}" || die
	for crate in "${ECARGO_VENDOR}"/*/; do
		crate=$(basename "${crate}")
		if [[ ! -d ${ECARGO_COMMON}/${crate} ]]; then
			mv "${ECARGO_VENDOR}/${crate}" "${ECARGO_COMMON}/" || die
			continue
		fi
		[[ $(grep -o '"package":"[0-9a-f]*"' "${ECARGO_VENDOR}/${crate}/${sum}") == \
			$(grep -o '"package":"[0-9a-f]*"' "${ECARGO_COMMON}/${crate}/${sum}") ]] || die "${crate} is not what it was"
	done
}

# @FUNCTION: cargo_src_unpack
# @DESCRIPTION:
# Unpacks sources and crates.
cargo_src_unpack() {
	local a sum
	mkdir -p "${ECARGO_VENDOR}" "${S}" || die
	for a in ${A}; do
		if [[ ${a} == *.crate ]]; then
			tar -xf "${DISTDIR}/${a}" -C "${ECARGO_VENDOR}" || die
			sum=$(sha256sum "${DISTDIR}/${a}") || die
			printf '{"package":"%s","files":{}}\n' "${sum%% *}" \
				> "${ECARGO_VENDOR}/${a%.crate}/.cargo-checksum.json" || die
		else
			unpack "${a}"
		fi
	done
	cargo_gen_config
}

# @FUNCTION: cargo_live_src_unpack
# @DESCRIPTION:
# Vendors the crates of a live (9999) ebuild.
cargo_live_src_unpack() {
	[[ ${PV} == *9999* ]] || die "only for live ebuilds"
	mkdir -p "${ECARGO_VENDOR}" || die
	pushd "${S}" >/dev/null || die
	CARGO_HOME="${ECARGO_REGISTRY_DIR:-${PORTAGE_ACTUAL_DISTDIR:-${DISTDIR}}/cargo-registry}" \
		"${CARGO}" vendor --locked --versioned-dirs ${ECARGO_OFFLINE:+--offline} "${ECARGO_VENDOR}" || die
	popd >/dev/null || die
	cargo_gen_config
}

# @FUNCTION: cargo_src_configure
# @DESCRIPTION:
# Turns myfeatures and its arguments into ECARGO_ARGS.
cargo_src_configure() {
	local f
	ECARGO_ARGS=()
	for f in "${myfeatures[@]}"; do ECARGO_ARGS+=( --features "${f}" ); done
	ECARGO_ARGS+=( "$@" ${ECARGO_EXTRA_ARGS} )
	[[ ${#ECARGO_ARGS[@]} -gt 0 ]] && einfo "Configured with: ${ECARGO_ARGS[*]}"
	return 0
}

# @FUNCTION: cargo_target_dir
# @DESCRIPTION:
# Prints the directory with the build's outcome.
cargo_target_dir() {
	echo "${CARGO_TARGET_DIR:-target}/$(usex debug debug release)"
}

# @FUNCTION: cargo_env
# @USAGE: <command> [args]
# @DESCRIPTION:
# Runs a command with the build's environment.
cargo_env() {
	RUSTFLAGS="-C strip=none ${RUSTFLAGS}" "$@"
}

# @FUNCTION: cargo_src_compile
# @DESCRIPTION:
# cargo build
cargo_src_compile() {
	set -- "${CARGO}" build -v $(usex debug "" --release) "${ECARGO_ARGS[@]}" "$@"
	einfo "$*"
	cargo_env "$@" || die "cargo build failed"
}

# @FUNCTION: cargo_src_test
# @DESCRIPTION:
# cargo test
cargo_src_test() {
	set -- "${CARGO}" test $(usex debug "" --release) "${ECARGO_ARGS[@]}" "$@"
	einfo "$*"
	cargo_env "$@" || die "cargo test failed"
}

# @FUNCTION: cargo_src_install
# @DESCRIPTION:
# cargo install
cargo_src_install() {
	set -- "${CARGO}" install --path ./ --root "${ED}/usr" \
		$(usex debug --debug "") "${ECARGO_ARGS[@]}" "$@"
	einfo "$*"
	cargo_env "$@" || die "cargo install failed"
	rm -f "${ED}"/usr/.crates.toml "${ED}"/usr/.crates2.json || die
}

fi

EXPORT_FUNCTIONS src_unpack src_configure src_compile src_install src_test
