#!/usr/bin/env python3
"""master.py FOLDER: writes a small stand-in for Gentoo's own package repository, which CI does not have.

It holds what Portage and pkgcheck need to know: one profile for each of two architectures, the names of licences and USE flags, the
eclasses of master/eclass (same interface as the real ones, own code), and an empty package for everything that our ebuilds depend on
or block, with the IUSE that the real one has. dev-lang/rust-bin links to the toolchain of this machine.
"""
import pathlib, re, shutil, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
HEADER = "# Copyright 2026 the postfix-rs project\n# Distributed under the terms of the GNU General Public License v2\n\nEAPI=8\n"
LICENCES = """0BSD Apache-2.0 Apache-2.0-with-LLVM-exceptions Boost-1.0 BSD BSD-2 CC0-1.0 CDLA-Permissive-2.0 EPL-2.0 GPL-2 IBM ISC
MIT MIT-0 MPL-2.0 openssl Unicode-3.0 Unlicense ZLIB""".split()
USE = {
    "berkdb": "Add support for sys-libs/db (Berkeley DB)", "debug": "Enable extra debug codepaths",
    "doc": "Add extra documentation", "hardened": "Activate default security enhancements",
    "ldap": "Add LDAP support", "mbox": "Add support for mbox style mail spools", "mysql": "Add mySQL Database support",
    "nis": "Add support for NIS/YP services", "pam": "Add support for PAM", "postgres": "Add support for the postgresql database",
    "sasl": "Add support for the Simple Authentication and Security Layer", "selinux": "Security Enhanced Linux support",
    "sqlite": "Add support for sqlite", "ssl": "Add support for SSL/TLS connections",
    "test": "Enable dependencies and/or preparations necessary to run tests",
}
MTAS = {
    "courier-1.4.1": "", "esmtp-1.2-r2": "", "exim-4.99": "", "msmtp-1.8.32": "+mta", "netqmail-1.06-r16": "", "notqmail-1.09": "",
    "nullmailer-2.2-r3": "", "opensmtpd-7.8.0_p0": "+mta", "postfix-3.11.7": "", "sendmail-8.18.1": "", "ssmtp-2.64_p12": "gnutls +mta +ssl",
}
OTHERS = """app-text/mandoc-1.14.6 dev-db/lmdb-0.9.33 dev-db/mysql-connector-c-8.0.33 dev-db/postgresql-17.0 dev-db/sqlite-3.51.0:3
dev-libs/cyrus-sasl-2.1.28 dev-libs/libpcre2-10.47 dev-vcs/git-2.52.0 net-libs/libnsl-2.0.1 net-mail/dovecot-2.4.2
net-mail/mailbase-1.8.1
net-nds/openldap-2.6.10 sec-policy/selinux-postfix-2.20250618 sys-libs/db-5.3.28-r9 sys-libs/pam-1.7.1 virtual/pkgconfig-3
virtual/tmpfiles-0-r5""".split()
VIRTUAL = ["nullmailer", "msmtp[mta]", "ssmtp[mta]", "courier", "esmtp", "exim", "netqmail", "notqmail", "postfix", "sendmail", "opensmtpd[mta]"]
MAILBASE = """
src_install() {
	insinto /etc/mail
	newins - aliases <<< "root: postmaster"
}
"""
METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE pkgmetadata SYSTEM "https://www.gentoo.org/dtd/metadata.dtd">
<pkgmetadata>
\t<!-- maintainer-needed -->
</pkgmetadata>
"""
DEFAULTS = """ELIBC="glibc"
KERNEL="linux"
IUSE_IMPLICIT="prefix prefix-guest prefix-stack"
USE_EXPAND="ELIBC KERNEL"
USE_EXPAND_HIDDEN="ELIBC KERNEL"
USE_EXPAND_IMPLICIT="ARCH ELIBC KERNEL"
USE_EXPAND_UNPREFIXED="ARCH"
USE_EXPAND_VALUES_ARCH="amd64 arm64"
USE_EXPAND_VALUES_ELIBC="glibc musl"
USE_EXPAND_VALUES_KERNEL="linux"
PROFILE_ONLY_VARIABLES="ARCH ELIBC IUSE_IMPLICIT KERNEL USE_EXPAND_IMPLICIT USE_EXPAND_UNPREFIXED USE_EXPAND_VALUES_ARCH USE_EXPAND_VALUES_ELIBC USE_EXPAND_VALUES_KERNEL"
CONFIG_PROTECT="/etc"
CONFIG_PROTECT_MASK="/etc/env.d"
ENV_UNSET="CARGO_HOME DISPLAY XDG_CACHE_HOME XDG_CONFIG_HOME"
ACCEPT_LICENSE="*"
"""


class Repository:
    def __init__(self, root):
        self.root = root

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def package(self, atom, iuse="", slot="0", body="", virtual=False):
        category, version = atom.split("/")
        name = re.fullmatch(r"(.+?)-\d[^-]*(-r\d+)?", version)[1]
        lines = [f'DESCRIPTION="Empty stand-in for {name}"']
        if not virtual:
            lines += ['HOMEPAGE="https://example.org/"', 'S="${WORKDIR}"', '', 'LICENSE="GPL-2"']
        lines += [f'SLOT="{slot}"', 'KEYWORDS="amd64 arm64"'] + ([f'IUSE="{iuse}"'] if iuse else [])
        self.write(f"{category}/{name}/{version}.ebuild", HEADER + "\n" + "\n".join(lines) + "\n" + body)
        self.write(f"{category}/{name}/metadata.xml", METADATA)

    def account(self, kind, name, number, groups=""):
        body = f"ACCT_GROUP_ID={number}\n" if kind == "group" else (
            f'DESCRIPTION="User for {name}"\nACCT_USER_ID={number}\nACCT_USER_GROUPS=( {groups} )\n\nacct-user_add_deps\n')
        self.write(f"acct-{kind}/{name}/{name}-0.ebuild", f"{HEADER}\ninherit acct-{kind}\n\n{body}")
        self.write(f"acct-{kind}/{name}/metadata.xml", METADATA)


def profiles(repository):
    repository.write("metadata/layout.conf", "masters =\nthin-manifests = true\nsign-manifests = false\n"
                     "cache-formats = md5-dict\nprofile-formats = portage-2\n")
    repository.write("profiles/repo_name", "gentoo\n")
    repository.write("profiles/arch.list", "amd64\narm64\n")
    repository.write("profiles/arches.desc", "amd64 stable\narm64 stable\n")
    repository.write("profiles/profiles.desc", "amd64 default/linux/amd64/23.0 stable\narm64 default/linux/arm64/23.0 stable\n")
    repository.write("profiles/thirdpartymirrors", "")
    repository.write("profiles/eapi", "8\n")
    repository.write("profiles/license_groups", f"FREE {' '.join(LICENCES)}\n")
    repository.write("profiles/use.desc", "# stand-in list\n\n" + "".join(f"{name} - {text}\n" for name, text in USE.items()))
    for name in LICENCES:
        repository.write(f"licenses/{name}", f"stand-in for the text of {name}\n")
    repository.write("profiles/base/eapi", "8\n")
    repository.write("profiles/base/make.defaults", DEFAULTS)
    for arch, machine in ("amd64", "x86_64"), ("arm64", "aarch64"):
        folder = f"profiles/default/linux/{arch}/23.0"
        repository.write(f"{folder}/eapi", "8\n")
        repository.write(f"{folder}/parent", "../../../../base\n")
        repository.write(f"{folder}/make.defaults", f'''ARCH="{arch}"
ACCEPT_KEYWORDS="{arch}"
CHOST="{machine}-pc-linux-gnu"
CBUILD="{machine}-pc-linux-gnu"
CFLAGS="-O2 -pipe"
CXXFLAGS="-O2 -pipe"
LDFLAGS="-Wl,-O1 -Wl,--as-needed"
ABI="{arch}"
DEFAULT_ABI="{arch}"
LIBDIR_{arch}="lib64"
SYMLINK_LIB="no"
USE=""
''')


def packages(repository):
    for name, number in ("postfix", 207), ("postdrop", 208), ("mail", 12):
        repository.account("group", name, number)
    repository.account("user", "postfix", 207, "postfix mail")
    for atom, iuse in MTAS.items():
        repository.package(f"mail-mta/{atom}", iuse)
    for atom in OTHERS:
        atom, _, slot = atom.partition(":")
        repository.package(atom, slot=slot or "0", virtual=atom.startswith("virtual/"), body=MAILBASE if "mailbase" in atom else "")
    any_of = "".join(f"\n\t\tmail-mta/{name}" for name in VIRTUAL)
    repository.package("virtual/mta-1-r2", virtual=True, body=f'\nRDEPEND="\n\t|| ({any_of}\n\t)\n"\n')
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    version = subprocess.run([f"{sysroot}/bin/rustc", "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    links = "".join(f"\tdosym '{sysroot}/bin/{tool}' /opt/rust-bin-${{PV}}/bin/{tool}\n" for tool in ("cargo", "rustc", "rustdoc"))
    repository.package(f"dev-lang/rust-bin-{version}", slot=version, body=f"\nsrc_install() {{\n{links}}}\n")
    repository.package(f"dev-lang/rust-{version}", slot=version)


def main():
    root = pathlib.Path(sys.argv[1])
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(HERE / "master/eclass", root / "eclass")
    repository = Repository(root)
    profiles(repository)
    packages(repository)
    folders = sorted({path.parent.parent.name for path in root.glob("*/*/*.ebuild")})
    repository.write("profiles/categories", "".join(f"{name}\n" for name in folders))


main()
