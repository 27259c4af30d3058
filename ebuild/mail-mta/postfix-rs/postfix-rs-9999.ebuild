# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

RUST_MIN_VER="1.95.0"

inherit cargo git-r3 tmpfiles

DESCRIPTION="The Postfix mail system, in Rust: same main.cf, same commands, same log"
HOMEPAGE="https://www.postfix.org/"
# Where your clone is, or a server's address: set POSTFIX_RS_REPOSITORY in make.conf.
EGIT_REPO_URI="${POSTFIX_RS_REPOSITORY:-file:///usr/src/postfix-rs}"

LICENSE="|| ( Apache-2.0 MIT )"
# Dependent crate licenses
LICENSE+="
	Apache-2.0 BSD CDLA-Permissive-2.0 ISC MIT Unicode-3.0 ZLIB
"
SLOT="0"
IUSE="berkdb +cdb doc +dovecot-sasl +eai hardened ldap ldap-bind +lmdb mbox memcached mongodb mysql nis pam postgres +sasl selinux sqlite +ssl tlsrpt vda"
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

src_unpack() {
	git-r3_src_unpack
	cargo_live_src_unpack
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
