//! Is there another mail system? Its package, its `sendmail`, its processes, port 25 and its
//! services are looked at, and what belongs together becomes one conflict.
//!
//! Only a mail system that *is* the machine's `sendmail`, or serves port 25, is in the way: an
//! ssmtp or msmtp without the link may stay.

pub mod catalogue;
mod links;
mod listener;
mod message;
mod packages;
mod processes;
mod remedy;
mod services;

use std::path::PathBuf;

use serde::Serialize;

pub use self::listener::{Listener, port_25};
pub use self::message::tell;
pub use self::packages::Package;
pub use self::remedy::{Remedy, remedies};
use crate::journal::Manifest;
use crate::machine::Machine;

/// What shows that a mail system is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "evidence", rename_all = "kebab-case")]
pub enum Evidence {
    /// It is installed.
    Package(Package),
    /// One of its programs is called sendmail, mailq or newaliases.
    Name {
        /// Such as /usr/sbin/sendmail.
        path: PathBuf,
        /// Where that leads.
        program: PathBuf,
    },
    /// mailwrapper(8) starts it.
    MailerConf {
        /// What stands there for sendmail.
        program: String,
    },
    /// It runs.
    Process {
        /// Its number.
        pid: u32,
        /// Its name.
        name: String,
    },
    /// It serves port 25.
    Listener {
        /// On this address.
        address: String,
        /// In this process, if that can be seen.
        pid: Option<u32>,
        /// Its name.
        name: Option<String>,
    },
    /// It is started at every boot.
    Service {
        /// By whom: `openrc` or `systemd`.
        manager: &'static str,
        /// Its name.
        name: String,
        /// The runlevel or target.
        level: String,
    },
}

/// Another mail system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Its name in mail-mta, or that of the program or file that nobody knows.
    pub name: String,
    /// What shows that it is there.
    pub found: Vec<Evidence>,
}

impl Conflict {
    /// Its package.
    pub fn package(&self) -> Option<&Package> {
        self.found.iter().find_map(|evidence| match evidence {
            Evidence::Package(package) => Some(package),
            _ => None,
        })
    }
}

/// Everything that is in the way.
pub fn find(machine: &Machine) -> Vec<Conflict> {
    let manifest = Manifest::read(&machine.root).unwrap_or_default();
    let packages = packages::find(machine);
    let mut conflicts: Vec<Conflict> = Vec::new();
    let mut add = |name: String, evidence: Evidence| match conflicts
        .iter_mut()
        .find(|conflict| conflict.name == name)
    {
        Some(conflict) if conflict.found.contains(&evidence) => {}
        Some(conflict) => conflict.found.push(evidence),
        None => conflicts.push(Conflict { name, found: vec![evidence] }),
    };
    for package in packages.iter().filter(|package| package.is_mta) {
        add(package.agent.clone(), Evidence::Package(package.clone()));
    }
    for (name, evidence) in links::find(machine, &manifest, &packages) {
        add(name, evidence);
    }
    for (name, evidence) in services::find(machine, &packages) {
        add(name, evidence);
    }
    if machine.is_live() {
        for (name, evidence) in processes::find().into_iter().chain(listener::find()) {
            add(name, evidence);
        }
    }
    conflicts
}

#[cfg(test)]
mod tests;
