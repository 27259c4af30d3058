# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

CRATES="
	adler2@2.0.1
	ahash@0.8.12
	aho-corasick@1.1.5
	anstream@1.0.0
	anstyle@1.0.14
	anstyle-parse@1.0.0
	anstyle-query@1.1.5
	anstyle-wincon@3.0.11
	arc-swap@1.9.5
	argon2@0.6.0
	asn1-rs@0.7.2
	asn1-rs-derive@0.6.0
	asn1-rs-impl@0.2.0
	async-trait@0.1.92
	autocfg@1.5.1
	aws-lc-rs@1.19.0
	aws-lc-sys@0.47.0
	base64@0.22.1
	base64@0.23.1
	base64ct@1.8.3
	bit-vec@0.9.1
	bitflags@2.13.2
	bitvec@1.1.1
	blake2@0.11.0
	block-buffer@0.10.4
	block-buffer@0.12.1
	bson@3.1.0
	btoi@0.5.0
	bumpalo@3.20.3
	byteorder@1.5.0
	bytes@1.12.1
	cc@1.11.1
	cfg-if@1.0.5
	cfg_aliases@0.2.2
	chacha20@0.10.2
	cidr@0.3.2
	clap@4.6.7
	clap_builder@4.6.7
	clap_derive@4.6.7
	clap_lex@1.1.1
	cmake@0.1.58
	cmov@0.5.4
	cobs@0.3.0
	colorchoice@1.0.5
	combine@4.6.9
	const-oid@0.10.3
	const-random@0.1.18
	const-random-macro@0.1.16
	convert_case@0.10.0
	core-foundation@0.10.1
	core-foundation@0.9.4
	core-foundation-sys@0.8.7
	core_detect@1.0.0
	cpufeatures@0.2.17
	cpufeatures@0.3.1
	crc32fast@1.5.4
	critical-section@1.2.0
	crossbeam-channel@0.5.17
	crossbeam-epoch@0.9.21
	crossbeam-queue@0.3.14
	crossbeam-utils@0.8.23
	crunchy@0.2.4
	crypto-common@0.1.7
	crypto-common@0.2.2
	ctutils@0.4.8
	darling@0.24.1
	darling_core@0.24.1
	darling_macro@0.24.1
	data-encoding@2.11.1
	der-parser@10.0.0
	deranged@0.5.9
	derive-syn-parse@0.2.0
	derive-where@1.7.0
	derive_more@2.1.1
	derive_more-impl@2.1.1
	digest@0.10.7
	digest@0.11.3
	displaydoc@0.2.7
	doxygen-rs@0.4.2
	duct@1.1.2
	dunce@1.0.5
	either@1.19.0
	embedded-io@0.4.0
	embedded-io@0.6.1
	enumflags2@0.7.12
	enumflags2_derive@0.7.12
	equivalent@1.0.3
	errno@0.3.14
	fallible-iterator@0.2.0
	fastrand@2.5.0
	find-msvc-tools@0.1.15
	flate2@1.1.11
	foldhash@0.2.0
	form_urlencoded@1.2.2
	fs_extra@1.3.0
	funty@2.0.0
	futures-channel@0.3.34
	futures-core@0.3.34
	futures-io@0.3.34
	futures-macro@0.3.34
	futures-sink@0.3.34
	futures-task@0.3.34
	futures-util@0.3.34
	generic-array@0.14.7
	getrandom@0.2.17
	getrandom@0.3.4
	getrandom@0.4.3
	hashbrown@0.17.1
	heck@0.5.0
	heed@0.23.1
	heed-traits@0.20.0
	heed-types@0.21.0
	hex@0.4.3
	hickory-net@0.26.3
	hickory-proto@0.26.3
	hickory-resolver@0.26.3
	hmac@0.13.0
	hybrid-array@0.4.15
	icu_casemap@2.4.0
	icu_casemap_data@2.4.0
	icu_collections@2.4.0
	icu_locale_core@2.4.0
	icu_normalizer@2.4.0
	icu_normalizer_data@2.4.0
	icu_properties@2.4.0
	icu_properties_data@2.4.0
	icu_provider@2.4.0
	ident_case@1.0.1
	idna@1.1.0
	idna_adapter@1.2.2
	indexmap@2.14.2
	ipconfig@0.3.4
	ipnet@2.12.2
	is_terminal_polyfill@1.70.2
	itoa@1.0.18
	jiff@0.2.43
	jiff-core@0.1.5
	jiff-static@0.2.43
	jni@0.22.4
	jni-macros@0.22.4
	jni-sys@0.4.1
	jni-sys-macros@0.4.1
	jobserver@0.1.35
	js-sys@0.3.107
	keyed_priority_queue@0.4.2
	landlock@0.4.7
	lazy_static@1.5.1
	libc@0.2.191
	libredox@0.1.25
	linux-raw-sys@0.12.1
	litemap@0.8.3
	lmdb-master-sys@0.2.6
	lock_api@0.4.14
	log@0.4.35
	lru@0.18.5
	macro_magic@0.5.1
	macro_magic_core@0.5.1
	macro_magic_core_macros@0.5.1
	macro_magic_macros@0.5.1
	mcf@0.6.0
	md-5@0.11.0
	memchr@2.8.3
	memoffset@0.9.1
	minimal-lexical@0.2.1
	miniz_oxide@0.9.1
	mio@1.2.4
	moka@0.12.16
	mongocrypt@0.4.0
	mongocrypt-sys@0.1.6+1.18.2
	mongodb@3.9.1
	mongodb-internal-macros@3.10.0
	mysql_async@0.37.1
	mysql_common@0.37.3
	ndk-context@0.1.1
	nix@0.31.3
	nom@7.1.3
	nom@8.0.0
	ntapi@0.4.3
	num-bigint@0.4.8
	num-conv@0.2.2
	num-integer@0.1.47
	num-traits@0.2.19
	objc2-core-foundation@0.3.2
	objc2-io-kit@0.3.2
	objc2-system-configuration@0.3.2
	oid-registry@0.8.1
	once_cell@1.21.4
	once_cell_polyfill@1.70.2
	openssl-probe@0.2.2
	os_pipe@1.2.3
	page_size@0.6.0
	parking_lot@0.12.5
	parking_lot_core@0.9.12
	password-hash@0.6.1
	pbkdf2@0.13.0
	pcre2-sys@0.2.10
	pem@4.0.0
	percent-encoding@2.3.2
	phc@0.6.1
	phf@0.11.3
	phf@0.13.1
	phf_generator@0.11.3
	phf_macros@0.11.3
	phf_shared@0.11.3
	phf_shared@0.13.1
	pin-project-lite@0.2.17
	pkg-config@0.3.34
	portable-atomic@1.15.0
	portable-atomic-util@0.2.8
	postcard@1.1.3
	postgres-protocol@0.6.12
	postgres-types@0.2.14
	potential_utf@0.1.6
	powerfmt@0.2.1
	ppv-lite86@0.2.21
	prefix-trie@0.8.4
	proc-macro2@1.0.107
	proptest@1.12.0
	quote@1.0.47
	r-efi@5.3.0
	r-efi@6.0.0
	radium@0.7.0
	rand@0.10.3
	rand@0.8.8
	rand@0.9.5
	rand_chacha@0.9.0
	rand_core@0.10.1
	rand_core@0.6.4
	rand_core@0.9.5
	rand_xorshift@0.5.0
	rcgen@0.14.10
	redox_syscall@0.5.18
	regex@1.13.1
	regex-automata@0.4.18
	regex-syntax@0.8.11
	resolv-conf@0.7.6
	ring@0.17.14
	rustc_version@0.4.1
	rustc_version_runtime@0.3.0
	rusticata-macros@4.1.0
	rustix@1.1.6
	rustls@0.23.46
	rustls-native-certs@0.8.5
	rustls-pki-types@1.16.0
	rustls-webpki@0.103.17
	rustversion@1.0.23
	same-file@1.0.6
	saturating@0.1.0
	schannel@0.1.30
	scopeguard@1.2.0
	seccompiler@0.5.0
	security-framework@3.7.0
	security-framework-sys@2.17.0
	semver@1.0.28
	serde@1.0.229
	serde_bytes@0.11.19
	serde_core@1.0.229
	serde_derive@1.0.229
	serde_json@1.0.154
	serde_with@3.25.0
	serde_with_macros@3.25.0
	sha-crypt@0.6.0
	sha1@0.10.7
	sha1@0.11.0
	sha2@0.10.9
	sha2@0.11.1
	shared_child@1.1.2
	shared_thread@0.2.1
	shlex@2.0.1
	sigchld@0.2.5
	signal-hook@0.4.6
	signal-hook-registry@1.4.8
	simd-adler32@0.3.10
	simd_cesu8@1.2.0
	simdutf8@0.1.5
	siphasher@1.0.4
	slab@0.4.12
	smallvec@1.16.5
	socket2@0.6.5
	stable_deref_trait@1.2.1
	stringprep@0.1.5
	strsim@0.11.1
	subtle@2.6.1
	syn@2.0.119
	syn@3.0.9
	synchronoise@1.0.1
	synstructure@0.13.2
	synstructure@0.14.0
	sysinfo@0.40.1
	system-configuration@0.7.0
	system-configuration-sys@0.6.0
	tagptr@0.2.0
	take_mut@0.2.2
	tap@1.0.1
	tempfile@3.27.0
	terminal_size@0.4.4
	thiserror@2.0.21
	thiserror-impl@2.0.21
	time@0.3.55
	time-core@0.1.9
	time-macros@0.2.32
	tiny-keccak@2.0.2
	tinystr@0.8.5
	tinyvec@1.13.3
	tokio@1.54.1
	tokio-macros@2.7.2
	tokio-postgres@0.7.18
	tokio-rustls@0.26.6
	tokio-util@0.7.20
	tracing@0.1.44
	tracing-core@0.1.36
	twox-hash@2.1.5
	typed-builder@0.22.0
	typed-builder-macro@0.22.0
	typenum@1.20.1
	unarray@0.1.4
	unicode-bidi@0.3.18
	unicode-ident@1.0.27
	unicode-normalization@0.1.26
	unicode-properties@0.1.5
	unicode-segmentation@1.13.3
	unicode-xid@0.2.6
	untrusted@0.7.1
	untrusted@0.9.0
	url@2.5.8
	utf8_iter@1.1.0
	utf8parse@0.2.2
	utf_types@1.0.0
	uuid@1.29.1
	version_check@0.9.5
	walkdir@2.5.0
	wasi@0.11.1+wasi-snapshot-preview1
	wasi@0.14.7+wasi-0.2.4
	wasip2@1.0.4+wasi-0.2.12
	wasite@1.0.2
	wasm-bindgen@0.2.130
	wasm-bindgen-macro@0.2.130
	wasm-bindgen-macro-support@0.2.130
	wasm-bindgen-shared@0.2.130
	web-sys@0.3.107
	webpki-roots@1.0.10
	which@8.0.6
	whoami@2.1.3
	widestring@1.2.1
	winapi@0.3.9
	winapi-i686-pc-windows-gnu@0.4.0
	winapi-util@0.1.11
	winapi-x86_64-pc-windows-gnu@0.4.0
	windows@0.62.2
	windows-collections@0.3.2
	windows-core@0.62.2
	windows-future@0.3.2
	windows-implement@0.60.2
	windows-interface@0.59.3
	windows-link@0.2.1
	windows-numerics@0.3.1
	windows-registry@0.6.1
	windows-result@0.4.1
	windows-strings@0.5.1
	windows-sys@0.52.0
	windows-sys@0.61.2
	windows-targets@0.52.6
	windows-threading@0.2.1
	windows_aarch64_gnullvm@0.52.6
	windows_aarch64_msvc@0.52.6
	windows_i686_gnu@0.52.6
	windows_i686_gnullvm@0.52.6
	windows_i686_msvc@0.52.6
	windows_x86_64_gnu@0.52.6
	windows_x86_64_gnullvm@0.52.6
	windows_x86_64_msvc@0.52.6
	wit-bindgen@0.57.1
	writeable@0.6.4
	wyz@0.5.1
	x509-parser@0.18.1
	yasna@0.6.0
	yoke@0.8.4
	yoke-derive@0.8.4
	zerocopy@0.8.64
	zerocopy-derive@0.8.64
	zerofrom@0.1.8
	zerofrom-derive@0.1.8
	zeroize@1.9.2
	zerotrie@0.2.5
	zerovec@0.11.9
	zerovec-derive@0.11.7
	zmij@1.0.23
"
RUST_MIN_VER="1.95.0"

inherit cargo tmpfiles

DESCRIPTION="The Postfix mail system, in Rust: same main.cf, same commands, same log"
HOMEPAGE="https://www.postfix.org/"
# ebuild/update makes this archive from a clone; cargo's own servers have the crates.
SRC_URI="
	${P}.tar.gz
	${CARGO_CRATE_URIS//https:/fetch+https:}
"

LICENSE="|| ( Apache-2.0 MIT )"
# Dependent crate licenses
LICENSE+="
	Apache-2.0 BSD CDLA-Permissive-2.0 ISC MIT Unicode-3.0 ZLIB
"
SLOT="0"
KEYWORDS="~amd64 ~arm64"
IUSE="berkdb +cdb doc +dovecot-sasl +eai hardened ldap ldap-bind +lmdb mbox memcached mongodb mysql nis pam postgres +sasl selinux sqlite +ssl tlsrpt vda"
RESTRICT="fetch"
REQUIRED_USE="
	ldap-bind? ( ldap sasl )
	tlsrpt? ( ssl )
"

DEPEND="
	acct-group/postdrop
	acct-group/postfix
	acct-user/postfix
	dev-libs/libpcre2:=
	berkdb? ( sys-libs/db:= )
	pam? ( sys-libs/pam )
	sqlite? ( dev-db/sqlite:3 )
"
RDEPEND="
	${DEPEND}
	net-mail/mailbase
	!mail-mta/courier
	!mail-mta/esmtp
	!mail-mta/exim
	!mail-mta/msmtp[mta]
	!mail-mta/netqmail
	!mail-mta/notqmail
	!mail-mta/nullmailer
	!mail-mta/opensmtpd[mta]
	!mail-mta/postfix
	!mail-mta/sendmail
	!mail-mta/ssmtp[mta]
	selinux? ( sec-policy/selinux-postfix )
"
BDEPEND+="
	virtual/pkgconfig
	doc? ( app-text/mandoc )
"
# The virtual of this overlay knows postfix-rs. Without it, whatever needs an MTA would hold on to another one.
PDEPEND=">=virtual/mta-1-r100"

# rustc does not look at CFLAGS and LDFLAGS
QA_FLAGS_IGNORED="usr/sbin/.*"

pkg_nofetch() {
	einfo "In a clone of postfix-rs, run"
	einfo "  ebuild/update --manifest /var/cache/distfiles"
}

src_configure() {
	local myfeatures=(
		$(usev berkdb)
		$(usev cdb)
		$(usev dovecot-sasl)
		$(usev eai)
		$(usev hardened)
		$(usev ldap)
		$(usev ldap-bind)
		$(usev lmdb)
		$(usev mbox)
		$(usev memcached)
		$(usev mongodb)
		$(usev mysql)
		$(usev nis)
		$(usev pam)
		$(usev postgres)
		$(usev sasl)
		$(usev sqlite)
		$(usev ssl)
		$(usev tlsrpt)
		$(usev vda)
	)
	if use hardened; then
		export CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true
		export CFLAGS="${CFLAGS} -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=3"
		export RUSTFLAGS="${RUSTFLAGS} -C relro-level=full -C link-arg=-Wl,-z,noexecstack -C link-arg=-Wl,-z,separate-code"
	fi
	cargo_src_configure --no-default-features
}

src_test() {
	# A subset for those who are in a hurry: POSTFIX_RS_TESTS="--lib smtpd::"
	cargo_src_test ${POSTFIX_RS_TESTS}
}

src_install() {
	local programs
	programs=$(cargo_target_dir)

	# Names, folders, services and the first configuration are what the installer says, so that they are the same
	# everywhere. It reads USE as well, where Portage has more than it knows: it asks the programs instead.
	env -u USE "${programs}"/postfix-installer install --quiet --root "${D}" --prefix "${EPREFIX}/usr" ||
		die "staging failed"

	# Its journal serves "uninstall", which is Portage's work here; accounts are those of acct-user and acct-group,
	# aliases those of net-mail/mailbase.
	rm -r "${ED}"/var/lib/postfix-installer "${ED}"/usr/lib/sysusers.d "${ED}"/etc/aliases || die
	sed -i -e 's#:/etc/aliases#:/etc/mail/aliases#' "${ED}"/etc/postfix/main.cf || die

	fowners root:postdrop /usr/sbin/postdrop
	fperms 02755 /usr/sbin/postdrop
	keepdir /var/spool/postfix /var/lib/postfix
	fowners postfix:postfix /var/lib/postfix
	fperms 0700 /var/lib/postfix

	if use doc; then
		local page
		docinto html
		for page in man/*.[158]; do
			mandoc -T html -O 'man=%N.%S.html,style=mandoc.css' "${page}" > "${T}/${page##*/}.html" || die
			dodoc "${T}/${page##*/}.html"
		done
		dodoc man/mandoc.css
		docinto .
	fi
	dodoc README.md CHANGELOG.md docs/architecture.md
}

pkg_postinst() {
	tmpfiles_process postfix-rs.conf

	if use selinux; then
		ewarn "The SELinux policy knows a program for each part of the mail system, and here one"
		ewarn "program plays them all. Where SELinux is enforcing, until a policy knows that:"
		ewarn "  semanage permissive -a postfix_master_t"
		ewarn "The mail system's own confinement stays on."
	fi

	if [[ -z ${ROOT} && -f ${EROOT}/etc/mail/aliases ]]; then
		ebegin "Building the alias database"
		"${EROOT}"/usr/bin/newaliases
		eend $? "newaliases failed: mail to local users waits until it succeeds" || true
	fi

	if [[ -z ${REPLACING_VERSIONS} ]]; then
		elog "Before the first start, look at:"
		elog "  ${EROOT}/etc/postfix/main.cf   myhostname, mydestination, relayhost, mynetworks"
		elog "  ${EROOT}/etc/mail/aliases      who reads the mail to root; then run newaliases"
		elog "\"postfix check\" says whether all is well. OpenRC: rc-update add postfix default;"
		elog "systemd: systemctl enable --now postfix."
		elog "Mail that mail-mta/postfix has left in ${EROOT}/var/spool/postfix is taken over."
	else
		elog "The new programs serve after a restart: \"/etc/init.d/postfix restart\" or"
		elog "\"systemctl restart postfix\". No mail is lost meanwhile."
	fi
}
