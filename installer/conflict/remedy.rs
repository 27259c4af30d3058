//! The command that gets another mail system out of the way, on this distribution.

use serde::Serialize;

use super::{Conflict, Evidence};
use crate::machine::{Distribution, Machine};

/// What resolves a conflict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// A command, and what takes it back.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// The program and its arguments.
        undo: Option<Vec<String>>,
    },
    /// The file that is in the way is replaced, and put back by `uninstall`.
    Replace(String),
    /// There is no command for it.
    Advice(String),
}

impl std::fmt::Display for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Command { words, .. } => f.write_str(&words.join(" ")),
            Self::Replace(path) => write!(f, "mv {path} {path}.old"),
            Self::Advice(text) => f.write_str(text),
        }
    }
}

/// What resolves a conflict: stopping its service, then removing its package. What is left over,
/// a process or a file, has a remedy of its own.
pub fn remedies(machine: &Machine, conflict: &Conflict) -> Vec<Remedy> {
    let mut remedies = Vec::new();
    let has_package = conflict.package().is_some();
    for evidence in &conflict.found {
        match evidence {
            Evidence::Package(package) => {
                remedies.push(remove(machine.distribution, package.database, &package.name));
            }
            Evidence::Service { manager, name, level } if !has_package => {
                remedies.extend(disable(machine, manager, name, level));
            }
            _ => {}
        }
    }
    if remedies.is_empty() {
        remedies.extend(conflict.found.iter().filter_map(without_package));
        remedies.dedup();
    }
    remedies
}

fn command(words: &[&str], undo: Option<&[&str]>) -> Remedy {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Remedy::Command { words: owned(words), undo: undo.map(owned) }
}

fn remove(distribution: Distribution, database: &str, package: &str) -> Remedy {
    match (database, distribution) {
        ("portage", _) => command(
            &["emerge", "--ask=n", "--unmerge", package],
            Some(&["emerge", "--ask=n", "--oneshot", package]),
        ),
        ("dpkg", _) => command(
            &["apt-get", "remove", "--yes", package],
            Some(&["apt-get", "install", "--yes", package]),
        ),
        ("rpm", Distribution::Suse) => command(
            &["zypper", "--non-interactive", "remove", package],
            Some(&["zypper", "--non-interactive", "install", package]),
        ),
        ("rpm", _) => command(
            &["dnf", "--assumeyes", "remove", package],
            Some(&["dnf", "--assumeyes", "install", package]),
        ),
        ("pacman", _) => command(
            &["pacman", "--noconfirm", "-R", package],
            Some(&["pacman", "--noconfirm", "-S", package]),
        ),
        (_, _) => command(&["apk", "del", package], Some(&["apk", "add", package])),
    }
}

fn disable(machine: &Machine, manager: &str, name: &str, level: &str) -> Vec<Remedy> {
    match (manager, machine.is_live()) {
        ("openrc", true) => vec![
            command(&["rc-service", "--ifstarted", name, "stop"], None),
            command(&["rc-update", "del", name, level], Some(&["rc-update", "add", name, level])),
        ],
        ("systemd", true) => vec![command(
            &["systemctl", "disable", "--now", name],
            Some(&["systemctl", "enable", name]),
        )],
        ("openrc", false) => vec![Remedy::Replace(format!("/etc/runlevels/{level}/{name}"))],
        _ => vec![Remedy::Replace(format!("/etc/systemd/system/{level}.wants/{name}"))],
    }
}

fn without_package(evidence: &Evidence) -> Option<Remedy> {
    match evidence {
        Evidence::Name { path, .. } => Some(Remedy::Replace(path.display().to_string())),
        Evidence::MailerConf { .. } => {
            Some(Remedy::Advice("edit /etc/mail/mailer.conf, or remove mailwrapper".into()))
        }
        Evidence::Process { pid, .. } | Evidence::Listener { pid: Some(pid), .. } => {
            Some(command(&["kill", &pid.to_string()], None))
        }
        Evidence::Listener { pid: None, .. } => Some(Remedy::Advice(
            "find out who serves port 25, as root: ss -ltnp 'sport = :25'".into(),
        )),
        Evidence::Package(_) | Evidence::Service { .. } => None,
    }
}
