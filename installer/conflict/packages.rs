//! Mail systems in package databases. Files of the database are read where that can be done; rpm's
//! is asked through rpm.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::catalogue::{self, Agent};
use crate::act;
use crate::machine::Machine;
use crate::root::Root;

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// The database: `portage`, `dpkg`, `rpm`, `pacman`, `apk`.
    pub database: &'static str,
    /// The mail system.
    pub agent: String,
    /// Its name there; for Portage with the category.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The USE flag that makes it a conflict.
    pub flag: Option<&'static str>,
    /// Whether it is the machine's mail system: it provides sendmail, or claims to.
    pub is_mta: bool,
    /// Files of it that have sendmail's names.
    pub provides: Vec<PathBuf>,
}

/// Names under which programs look for the mail system.
pub(super) const NAMES: &[&str] = &[
    "/usr/sbin/sendmail",
    "/usr/lib/sendmail",
    "/usr/bin/sendmail",
    "/usr/lib64/sendmail",
    "/usr/bin/mailq",
    "/usr/bin/newaliases",
];

/// All known mail systems, Portage's first.
pub(super) fn find(machine: &Machine) -> Vec<Package> {
    let root = &machine.root;
    let mut found = portage(root);
    found.extend(dpkg(root));
    found.extend(rpm(machine));
    found.extend(pacman(root));
    found.extend(apk(root));
    found
}

fn provided<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    paths.filter(|path| NAMES.contains(path)).map(PathBuf::from).collect()
}

/// Portage: /var/db/pkg/mail-mta/NAME-VERSION. postfix-rs as a package is a conflict for an
/// installation beside it as well.
fn portage(root: &Root) -> Vec<Package> {
    let category = Path::new("/var/db/pkg/mail-mta");
    let mut found = Vec::new();
    for entry in root.names(category) {
        let Some((name, version)) = split_version(&entry) else { continue };
        let folder = category.join(&entry);
        let text = |file: &str| root.text(folder.join(file)).unwrap_or_default();
        let contents = text("CONTENTS");
        // obj PATH MD5 TIME, sym PATH -> TARGET TIME
        let paths = contents.lines().filter_map(|line| line.split(' ').nth(1));
        let provides = provided(paths);
        let known = catalogue::by_name(name);
        let flag = known.and_then(|agent| agent.flag);
        let used = text("USE");
        let is_mta = match flag {
            Some(flag) => used.split_whitespace().any(|word| word == flag),
            None => known.is_some() || !provides.is_empty() || name == "postfix-rs",
        };
        found.push(Package {
            database: "portage",
            agent: name.to_owned(),
            name: format!("mail-mta/{name}"),
            version: version.to_owned(),
            flag,
            is_mta,
            provides,
        });
    }
    found
}

/// `ssmtp-2.64_p12-r1`: the version begins at the last `-` that a digit follows and no revision.
fn split_version(entry: &str) -> Option<(&str, &str)> {
    let is_revision =
        |part: &str| part.strip_prefix('r').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let mut place = entry.rfind('-')?;
    if entry.get(place + 1..).is_some_and(is_revision) {
        place = entry.get(..place)?.rfind('-')?;
    }
    let (name, version) = (entry.get(..place)?, entry.get(place + 1..)?);
    (version.starts_with(|c: char| c.is_ascii_digit())).then_some((name, version))
}

/// dpkg: the status file. Debian's mail systems provide `mail-transport-agent`.
fn dpkg(root: &Root) -> Vec<Package> {
    let status = root.text("/var/lib/dpkg/status").unwrap_or_default();
    let mut found = Vec::new();
    for stanza in status.split("\n\n") {
        let field = |name: &str| {
            stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let (Some(name), Some(state)) = (field("Package"), field("Status")) else { continue };
        let claims = has_word(field("Provides").unwrap_or_default(), "mail-transport-agent");
        let known = catalogue::by_package(name);
        // Removed packages may have left their configuration; that is no mail system.
        let is_installed = state.split(' ').nth(2).is_some_and(|state| {
            !matches!(state, "not-installed" | "config-files" | "half-installed")
        });
        if !is_installed || (known.is_none() && !claims) {
            continue;
        }
        let list = root.text(format!("/var/lib/dpkg/info/{name}.list")).or_else(|| {
            let architecture = field("Architecture")?;
            root.text(format!("/var/lib/dpkg/info/{name}:{architecture}.list"))
        });
        let list = list.unwrap_or_default();
        let provides = provided(list.lines());
        let is_mta = claims || !provides.is_empty();
        found.push(package("dpkg", known, name, field("Version"), is_mta, provides));
    }
    found
}

fn package(
    database: &'static str,
    known: Option<&'static Agent>,
    name: &str,
    version: Option<&str>,
    is_mta: bool,
    provides: Vec<PathBuf>,
) -> Package {
    Package {
        database,
        agent: known.map_or(name, |agent| agent.name).to_owned(),
        name: name.to_owned(),
        version: version.unwrap_or_default().to_owned(),
        flag: None,
        is_mta,
        provides,
    }
}

fn has_word(list: &str, wanted: &str) -> bool {
    list.split([',', ' ']).any(|word| word.split(['(', '=']).next() == Some(wanted))
}

/// rpm: names, versions and whether `MTA` is provided.
fn rpm(machine: &Machine) -> Vec<Package> {
    let root = &machine.root;
    let databases = ["/var/lib/rpm", "/usr/lib/sysimage/rpm"];
    let database = databases.iter().find(|folder| !root.names(folder).is_empty());
    let (Some(rpm), Some(database)) = (machine.tool("rpm"), database) else { return Vec::new() };
    let words = [
        rpm.display().to_string(),
        "--root".into(),
        root.path().display().to_string(),
        // Debian's rpm would look in the home of the caller.
        "--dbpath".into(),
        (*database).into(),
        "-qa".into(),
        "--qf".into(),
        "%{NAME} %{VERSION}-%{RELEASE} [%{PROVIDES},]\\n".into(),
    ];
    let Ok(text) = act::run(&words, &[], None) else { return Vec::new() };
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(name), version, provides) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let provides = provides.unwrap_or_default();
        let claims = ["MTA", "smtp_daemon", "smtpdaemon", "server(smtp)"]
            .iter()
            .any(|claim| provides.split(',').any(|word| word == *claim));
        let known = catalogue::by_package(name);
        if claims || known.is_some() {
            found.push(package("rpm", known, name, version, claims, Vec::new()));
        }
    }
    found
}

/// pacman: /var/lib/pacman/local/NAME-VERSION/{desc,files}.
fn pacman(root: &Root) -> Vec<Package> {
    let folder = Path::new("/var/lib/pacman/local");
    let mut found = Vec::new();
    for entry in root.names(folder) {
        let Some(desc) = root.text(folder.join(&entry).join("desc")) else { continue };
        let fields = pacman_fields(&desc);
        let first = |name: &str| fields.get(name).and_then(|values| values.first().copied());
        let Some(name) = first("NAME") else { continue };
        let claims = fields.get("PROVIDES").is_some_and(|provided| {
            provided.iter().any(|word| matches!(*word, "smtp-server" | "smtp-forwarder"))
        });
        let known = catalogue::by_package(name);
        if !claims && known.is_none() {
            continue;
        }
        let files = root.text(folder.join(&entry).join("files")).unwrap_or_default();
        let files: Vec<String> = files.lines().map(|line| format!("/{line}")).collect();
        let provides = provided(files.iter().map(String::as_str));
        let is_mta = claims || !provides.is_empty();
        found.push(package("pacman", known, name, first("VERSION"), is_mta, provides));
    }
    found
}

fn pacman_fields(text: &str) -> HashMap<&str, Vec<&str>> {
    let mut fields: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut name = "";
    for line in text.lines() {
        match line.strip_prefix('%').and_then(|line| line.strip_suffix('%')) {
            Some(field) => name = field,
            None if !line.is_empty() => fields.entry(name).or_default().push(line),
            None => {}
        }
    }
    fields
}

/// apk: lib/apk/db/installed, since apk 3 below usr/. A stanza a package: P: name, V: version, p: what
/// it provides, F: folder, R: file in it.
fn apk(root: &Root) -> Vec<Package> {
    let text =
        root.text("/lib/apk/db/installed").or_else(|| root.text("/usr/lib/apk/db/installed"));
    text.unwrap_or_default().split("\n\n").filter_map(apk_package).collect()
}

/// A package that is a known mail system, or has `sendmail`.
fn apk_package(stanza: &str) -> Option<Package> {
    let field = |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name));
    let name = field("P:")?;
    let mut folder = "";
    let mut files = Vec::new();
    for line in stanza.lines() {
        if let Some(path) = line.strip_prefix("F:") {
            folder = path;
        } else if let Some(file) = line.strip_prefix("R:") {
            files.push(format!("/{folder}/{file}"));
        }
    }
    let provides = provided(files.iter().map(String::as_str));
    let claims = field("p:").is_some_and(|list| has_word(list, "cmd:sendmail"));
    let is_mta = claims || !provides.is_empty();
    let known = catalogue::by_package(name);
    (is_mta || known.is_some()).then(|| package("apk", known, name, field("V:"), is_mta, provides))
}
