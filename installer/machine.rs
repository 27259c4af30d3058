//! What kind of machine this is: distribution, service manager, tools, accounts. It is looked at
//! once; everything decided afterwards is a function of what was found.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};
use crate::root::Root;

/// A family of distributions, as far as packages and habits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Distribution {
    /// Gentoo and what is made of it.
    Gentoo,
    /// Debian, Ubuntu.
    Debian,
    /// Red Hat, Fedora and their relatives.
    Fedora,
    /// SUSE
    Suse,
    /// Arch
    Arch,
    /// Alpine
    Alpine,
    /// Anything else.
    Other,
}

/// Who starts services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Init {
    /// OpenRC
    OpenRc,
    /// systemd
    Systemd,
    /// Neither: `postfix start` is all there is.
    None,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Everything happens below here.
    pub root: Root,
    /// What it runs.
    pub distribution: Distribution,
    /// Who starts its services.
    pub init: Init,
    /// Whether this process may do what root may.
    pub privileged: bool,
    /// Where programs are looked for.
    pub search_path: OsString,
}

impl Machine {
    /// Looks at the machine below that root.
    pub fn look(root: &Path) -> Outcome<Self> {
        let root = Root::new(root).map_err(|e| Failure::io("find", root, &e))?;
        let mut search_path = std::env::var_os("PATH").unwrap_or_default();
        // root's PATH under cron, su or sudo often lacks these.
        search_path.push(":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin");
        Ok(Self {
            distribution: distribution(&root),
            init: init(&root),
            privileged: postfix_rs::sys::users::is_root(),
            search_path,
            root,
        })
    }

    /// Whether this is the running system.
    pub fn is_live(&self) -> bool {
        self.root.is_live()
    }

    /// A program of this machine.
    pub fn tool(&self, name: &str) -> Option<PathBuf> {
        which::which_in(name, Some(&self.search_path), "/").ok()
    }

    /// The source text of the alias database.
    pub fn aliases(&self) -> &'static str {
        match self.distribution {
            Distribution::Gentoo => "/etc/mail/aliases",
            _ => "/etc/aliases",
        }
    }

    /// Whether there is a whole system below the root, and no folder in which somebody gathers
    /// the files of a package.
    pub fn is_system(&self) -> bool {
        self.root.has("/etc/passwd")
    }

    /// The number of a user or group: of the system below the root, or, for the running system
    /// and for a staging folder, of this one.
    pub fn id(&self, database: &str, name: &str) -> Option<u32> {
        let in_file = || {
            let text = self.root.text(Path::new("/etc").join(database))?;
            let entry = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
            entry.into_iter().find(|fields| fields.first() == Some(&name))?.get(2)?.parse().ok()
        };
        if name == "root" {
            return Some(0);
        }
        if self.is_system() && !self.is_live() {
            return in_file();
        }
        match database {
            "passwd" => postfix_rs::sys::users::user(name).ok().map(|user| user.uid.as_raw()),
            _ => postfix_rs::sys::users::group(name).ok().map(|group| group.gid.as_raw()),
        }
    }
}

fn distribution(root: &Root) -> Distribution {
    let release = root
        .text("/etc/os-release")
        .or_else(|| root.text("/usr/lib/os-release"))
        .unwrap_or_default();
    let mut words = Vec::new();
    // ID_LIKE counts after ID.
    for wanted in ["ID=", "ID_LIKE="] {
        let value = release.lines().find_map(|line| line.strip_prefix(wanted)).unwrap_or_default();
        words.extend(value.trim_matches(['"', '\'']).split_whitespace());
    }
    let known = words.into_iter().find_map(|word| match word {
        "gentoo" => Some(Distribution::Gentoo),
        "debian" | "ubuntu" => Some(Distribution::Debian),
        "fedora" | "rhel" | "centos" => Some(Distribution::Fedora),
        "suse" | "opensuse" | "sles" => Some(Distribution::Suse),
        "arch" => Some(Distribution::Arch),
        "alpine" => Some(Distribution::Alpine),
        _ => None,
    });
    known.unwrap_or_else(|| by_database(root))
}

/// Without os-release the package database says what it is.
fn by_database(root: &Root) -> Distribution {
    [
        ("/var/db/pkg", Distribution::Gentoo),
        ("/var/lib/dpkg/status", Distribution::Debian),
        ("/var/lib/pacman/local", Distribution::Arch),
        ("/lib/apk/db/installed", Distribution::Alpine),
    ]
    .into_iter()
    .find_map(|(path, distribution)| root.has(path).then_some(distribution))
    .unwrap_or(Distribution::Other)
}

fn init(root: &Root) -> Init {
    // What runs counts more than what is installed.
    if root.has("/run/systemd/system") {
        return Init::Systemd;
    }
    if root.has("/run/openrc") {
        return Init::OpenRc;
    }
    let openrc = root.has("/sbin/openrc-run") || root.has("/usr/sbin/openrc-run");
    let systemd = root.has("/usr/lib/systemd/systemd") || root.has("/lib/systemd/systemd");
    match (openrc, systemd) {
        (true, _) => Init::OpenRc,
        (false, true) => Init::Systemd,
        (false, false) => Init::None,
    }
}

#[cfg(test)]
pub(crate) mod fake {
    //! A machine in a temporary folder.

    use super::*;

    /// The folder and the machine in it.
    pub(crate) struct Fake {
        pub(crate) folder: tempfile::TempDir,
    }

    impl Fake {
        /// A machine with these files; a text `-> target` makes a link.
        pub(crate) fn new(files: &[(&str, &str)]) -> Self {
            let fake = Self { folder: tempfile::tempdir().unwrap() };
            for (path, text) in files {
                fake.put(path, text);
            }
            fake
        }

        pub(crate) fn put(&self, path: &str, text: &str) {
            let at = self.folder.path().join(path.trim_start_matches('/'));
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            match text.strip_prefix("-> ") {
                Some(target) => std::os::unix::fs::symlink(target, at).unwrap(),
                None => std::fs::write(at, text).unwrap(),
            }
        }

        pub(crate) fn machine(&self) -> Machine {
            Machine::look(self.folder.path()).unwrap()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Fake;
    use super::*;

    #[test]
    fn distributions() {
        for (files, expected) in [
            (&[("/etc/os-release", "NAME=Gentoo\nID=gentoo\n")][..], Distribution::Gentoo),
            (
                &[("/etc/os-release", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n")],
                Distribution::Debian,
            ),
            (&[("/etc/os-release", "ID_LIKE='suse opensuse'\nID=\"sled\"\n")], Distribution::Suse),
            (&[("/var/db/pkg/a/b-1/PF", "b-1\n")], Distribution::Gentoo),
            (&[], Distribution::Other),
        ] {
            assert_eq!(Fake::new(files).machine().distribution, expected, "{files:?}");
        }
    }

    #[test]
    fn service_managers() {
        let both = [("/sbin/openrc-run", ""), ("/usr/lib/systemd/systemd", "")];
        let fake = Fake::new(&both);
        assert_eq!(fake.machine().init, Init::OpenRc);
        fake.put("/run/systemd/system/x", "");
        assert_eq!(fake.machine().init, Init::Systemd);
        assert_eq!(Fake::new(&[]).machine().init, Init::None);
    }

    #[test]
    fn accounts_are_those_of_the_root() {
        let fake = Fake::new(&[
            ("/etc/passwd", "root:x:0:0::/:/bin/sh\npostfix:x:207:207::/:/bin/false\n"),
            ("/etc/group", "postdrop:x:208:\n"),
        ]);
        let machine = fake.machine();
        assert_eq!(machine.id("passwd", "postfix"), Some(207));
        assert_eq!(machine.id("group", "postdrop"), Some(208));
        assert_eq!(machine.id("group", "postfix"), None);
    }
}
