//! Modes and owners: of the queue, of the programs, and of files that hold passwords.

use std::path::{Path, PathBuf};

use postfix_rs::commands::postfix::tree;
use postfix_rs::config::parameters as p;

use super::{Finding, Patient, Severity, finding};
use crate::machine::Machine;
use crate::root::rights;
use crate::tables;

/// Parameters whose tables hold passwords.
const SECRET: &[&str] = &["smtp_sasl_password_maps", "lmtp_sasl_password_maps"];

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    secrets(patient, &mut findings);
    writable(patient, &mut findings);
    let machine = &patient.context.machine;
    if machine.is_system() {
        queue(patient, machine, &mut findings);
        programs(patient, machine, &mut findings);
    }
    findings
}

/// Tables of passwords, and files of tables in databases, that everybody may read.
fn secrets(patient: &Patient<'_>, findings: &mut Vec<Finding>) {
    let root = &patient.context.machine.root;
    let tables = tables::all(&patient.config, &patient.services);
    let secret = tables.iter().filter(|table| {
        let in_database = matches!(table.kind.as_str(), "mysql" | "pgsql" | "ldap");
        (SECRET.contains(&table.parameter.as_str()) && table.is_file())
            || (in_database && table.name.starts_with('/'))
    });
    for table in secret {
        let files = [Some(table.source().to_owned()), table.database()];
        for path in files.into_iter().flatten() {
            if let Some((mode, ..)) = rights(&root.at(&path))
                && mode & 0o004 != 0
            {
                let text = format!("everybody may read the passwords in {}", path.display());
                let fix = format!("chmod 600 {}", path.display());
                findings.push(finding("rights", Severity::Warning, text, fix));
            }
        }
    }
}

/// Configuration that somebody else may change is somebody else's configuration.
fn writable(patient: &Patient<'_>, findings: &mut Vec<Finding>) {
    let names = [".", "main.cf", "master.cf"];
    for path in names.iter().map(|name| patient.directory.join(name)) {
        let Some((mode, owner, _)) = rights(&path) else { continue };
        if mode & 0o022 != 0 {
            let text = format!("others may write to {}", path.display());
            let fix = format!("chmod go-w {}", path.display());
            findings.push(finding("rights", Severity::Problem, text, fix));
        }
        if owner != 0 && patient.context.machine.privileged {
            let text = format!("{} does not belong to root", path.display());
            let fix = format!("chown root {}", path.display());
            findings.push(finding("rights", Severity::Warning, text, fix));
        }
    }
}

fn queue(patient: &Patient<'_>, machine: &Machine, findings: &mut Vec<Finding>) {
    let config = &patient.config;
    let queue = config.queue_directory();
    let (owner, group) = (config.text(&p::mail_owner), config.text(&p::setgid_group));
    let (Some(mail), Some(drop)) = (machine.id("passwd", &owner), machine.id("group", &group))
    else {
        let text = format!("the accounts {owner} and {group} are not both there");
        let fix = "postfix-installer first-start creates them";
        findings.push(finding("rights", Severity::Problem, text, fix));
        return;
    };
    if !machine.root.has(&queue) {
        let text = format!("{} is missing", queue.display());
        findings.push(finding("rights", Severity::Problem, text, "postfix-installer first-start"));
        return;
    }
    for folder in tree::FOLDERS {
        let path = queue.join(folder.name);
        let Some((mode, user, has_group)) = rights(&machine.root.at(&path)) else {
            let text = format!("{} is missing", path.display());
            findings.push(finding("rights", Severity::Note, text, "postfix start creates it"));
            continue;
        };
        let wanted = match folder.owner {
            tree::Owner::Root => 0,
            tree::Owner::Mail => mail,
        };
        let wrong_group = folder.setgid_group && has_group != drop;
        if user != wanted || wrong_group || mode != folder.mode {
            let text = format!("{} has the wrong mode or owner", path.display());
            let name = if wanted == 0 { "root" } else { &owner };
            let to = if folder.setgid_group { format!("{name}:{group}") } else { name.to_owned() };
            let shown = path.display();
            let fix = format!("chown {to} {shown}; chmod {:o} {shown}", folder.mode);
            findings.push(finding("rights", Severity::Problem, text, fix));
        }
    }
}

/// Without set-gid nobody but root can send mail from the command line.
fn programs(patient: &Patient<'_>, machine: &Machine, findings: &mut Vec<Finding>) {
    let group = patient.config.text(&p::setgid_group);
    let folder = PathBuf::from(patient.config.text(&p::command_directory));
    let end = machine.root.chain(folder.join("postdrop")).pop().unwrap_or_default();
    let Some((mode, _, has_group)) = rights(&machine.root.at(&end)) else {
        let text = format!("{} is missing", folder.join("postdrop").display());
        findings.push(finding("rights", Severity::Problem, text, "postfix-installer install"));
        return;
    };
    if mode & 0o2111 != 0o2111 || machine.id("group", &group) != Some(has_group) {
        let text = format!("{} is not set-gid {group}: users cannot send mail", end.display());
        let shown = Path::new(&end).display();
        let fix = format!("chgrp {group} {shown}; chmod 2755 {shown}");
        findings.push(finding("rights", Severity::Problem, text, fix));
    }
}
