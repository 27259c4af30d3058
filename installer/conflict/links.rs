//! Whose are the names sendmail, mailq and newaliases? Links are followed to their end, through
//! alternatives(8) and mailwrapper(8).

use std::path::{Path, PathBuf};

use super::packages::{NAMES, Package};
use super::{Evidence, catalogue};
use crate::journal::Manifest;
use crate::machine::Machine;

/// The names that are somebody else's.
pub(super) fn find(
    machine: &Machine,
    manifest: &Manifest,
    packages: &[Package],
) -> Vec<(String, Evidence)> {
    let mut found = Vec::new();
    for name in NAMES {
        let path = Path::new(name);
        let stops = machine.root.chain(path);
        let Some(end) = stops.last().filter(|end| machine.root.has(end)) else {
            continue; // nothing there, or a link into nothing: nobody's
        };
        if is_ours(&stops, manifest) {
            continue;
        }
        if is_named(end, "mailwrapper") {
            found.extend(mailer_conf(machine));
            continue;
        }
        if is_named(end, "busybox") {
            continue; // a stopgap that every mail system replaces
        }
        let owner = owner(&stops, packages);
        // A mail system without the USE flag `mta` may own other names, but not these.
        let owner = owner.unwrap_or_else(|| end.display().to_string());
        found.push((owner, Evidence::Name { path: path.to_owned(), program: end.clone() }));
    }
    found
}

fn is_named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|file| file == name)
}

/// postfix-rs is one program under many names: each link ends in `postfix`.
fn is_ours(stops: &[PathBuf], manifest: &Manifest) -> bool {
    stops.iter().any(|stop| manifest.installed(stop))
        || (stops.len() > 1 && stops.last().is_some_and(|end| is_named(end, "postfix")))
}

/// Who owns it: the package with that file, or the mail system with such a program.
fn owner(stops: &[PathBuf], packages: &[Package]) -> Option<String> {
    let by_file = packages
        .iter()
        .find(|package| stops.iter().any(|stop| package.provides.contains(stop)))
        .map(|package| package.agent.clone());
    let by_name = || {
        stops.iter().rev().find_map(|stop| {
            let known = stop
                .components()
                .rev()
                .find_map(|part| catalogue::by_program(&part.as_os_str().to_string_lossy()))?;
            Some(known.name.to_owned())
        })
    };
    by_file.or_else(by_name)
}

/// mailwrapper(8) starts what mailer.conf(5) says.
fn mailer_conf(machine: &Machine) -> Option<(String, Evidence)> {
    let text = ["/etc/mail/mailer.conf", "/etc/mailer.conf"]
        .iter()
        .find_map(|path| machine.root.text(path))?;
    let program = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("sendmail")).then(|| words.next()).flatten()
    })?;
    if is_named(Path::new(program), "postfix") {
        return None;
    }
    let stops = machine.root.chain(program);
    let owner = owner(&stops, &[]).unwrap_or_else(|| match program {
        program if program.contains("sendmail/sendmail") => "sendmail".to_owned(),
        program => program.to_owned(),
    });
    Some((owner, Evidence::MailerConf { program: program.to_owned() }))
}
