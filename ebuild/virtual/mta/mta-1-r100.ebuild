# Copyright 2026 Gentoo Authors
# Distributed under the terms of the GNU General Public License v2

EAPI=8

DESCRIPTION="Virtual for Message Transfer Agents, postfix-rs among them"
SLOT="0"
KEYWORDS="~amd64 ~arm64"

RDEPEND="
	|| (
		mail-mta/nullmailer
		mail-mta/msmtp[mta]
		mail-mta/ssmtp[mta]
		mail-mta/courier
		mail-mta/esmtp
		mail-mta/exim
		mail-mta/netqmail
		mail-mta/notqmail
		mail-mta/postfix
		mail-mta/postfix-rs
		mail-mta/sendmail
		mail-mta/opensmtpd[mta]
	)
"
