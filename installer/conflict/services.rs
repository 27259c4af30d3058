//! Services of other mail systems that start at every boot.

use std::path::Path;

use super::packages::Package;
use super::{Evidence, catalogue};
use crate::machine::Machine;

/// The services.
pub(super) fn find(machine: &Machine, packages: &[Package]) -> Vec<(String, Evidence)> {
    let mut found = openrc(machine);
    found.extend(systemd(machine));
    found.retain(|(agent, evidence)| {
        let ours = agent == "postfix" && is_ours(machine, evidence);
        !ours && !is_harmless(agent, packages)
    });
    found
}

/// A mail system whose package was built, or split, so that it is not the machine's sendmail may
/// have a service all the same; the port decides, and that is looked at elsewhere.
fn is_harmless(agent: &str, packages: &[Package]) -> bool {
    let mut of_agent = packages.iter().filter(|package| package.agent == agent).peekable();
    of_agent.peek().is_some() && of_agent.all(|package| !package.is_mta)
}

/// Our service has C Postfix's name: it is ours if what it starts is.
fn is_ours(machine: &Machine, evidence: &Evidence) -> bool {
    let path = match evidence {
        Evidence::Service { manager: "openrc", name, .. } => format!("/etc/init.d/{name}"),
        Evidence::Service { name, .. } => format!("/usr/lib/systemd/system/{name}"),
        _ => return false,
    };
    let stops = machine.root.chain("/usr/sbin/sendmail");
    let program_is_ours =
        stops.len() > 1 && stops.last().is_some_and(|end| end.ends_with("postfix"));
    program_is_ours
        || machine
            .root
            .text(path)
            .is_some_and(|text| text.to_ascii_lowercase().contains("postfix-rs"))
}

/// OpenRC: /etc/runlevels/LEVEL/NAME.
fn openrc(machine: &Machine) -> Vec<(String, Evidence)> {
    let mut found = Vec::new();
    for level in machine.root.names("/etc/runlevels") {
        for name in machine.root.names(Path::new("/etc/runlevels").join(&level)) {
            let plain = name.split('.').next().unwrap_or_default();
            if let Some(agent) = catalogue::by_service(plain) {
                let level = level.clone();
                let service = Evidence::Service { manager: "openrc", name, level };
                found.push((agent.name.to_owned(), service));
            }
        }
    }
    found
}

/// systemd: /etc/systemd/system/TARGET.wants/UNIT.
fn systemd(machine: &Machine) -> Vec<(String, Evidence)> {
    let folder = Path::new("/etc/systemd/system");
    let mut found = Vec::new();
    for target in machine.root.names(folder) {
        let Some(level) = target.strip_suffix(".wants").or(target.strip_suffix(".requires")) else {
            continue;
        };
        for name in machine.root.names(folder.join(&target)) {
            let Some((plain, "service" | "socket")) = name.rsplit_once('.') else { continue };
            let plain = plain.split('@').next().unwrap_or_default();
            if let Some(agent) = catalogue::by_service(plain) {
                let level = level.to_owned();
                let service = Evidence::Service { manager: "systemd", name, level };
                found.push((agent.name.to_owned(), service));
            }
        }
    }
    found
}
