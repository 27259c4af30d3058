//! `postfix-installer doctor`: what is wrong with a live system, and how to mend it.
//!
//! Each check looks at one thing and returns findings; none changes anything.

mod certificates;
mod clock;
mod disk;
mod left_over;
mod listening;
mod log;
mod logins;
mod modes;
mod name;
mod parameters;
mod relay;
mod table_files;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use postfix_rs::config::Config;
use postfix_rs::config::master_cf::{ServiceLine, SocketKind};
use serde::Serialize;

use crate::arguments::DoctorOptions;
use crate::conflict;
use crate::context::Context;
use crate::journal;
use crate::progress;
use crate::tables;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Mail is lost, refused or open to abuse.
    Problem,
    /// It will be, or some of it is.
    Warning,
    /// Worth knowing.
    Note,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Which check found it.
    check: &'static str,
    severity: Severity,
    /// What is wrong.
    text: String,
    /// What mends it.
    fix: String,
}

/// What the checks look at.
#[derive(Debug)]
pub(crate) struct Patient<'a> {
    context: &'a Context,
    /// Where main.cf is, on this machine.
    directory: PathBuf,
    config: Arc<Config>,
    services: Vec<ServiceLine>,
    /// What a start would warn of in master.cf.
    warnings: Vec<String>,
    offline: bool,
}

impl Patient<'_> {
    /// Whether it is the mail system of the running machine itself.
    fn is_live(&self) -> bool {
        self.context.machine.is_live()
    }

    /// Services that take mail from the network.
    fn smtpd(&self) -> impl Iterator<Item = &ServiceLine> {
        self.services.iter().filter(|s| s.kind == SocketKind::Inet && s.program == "smtpd")
    }
}

/// A check: its name, and what it does.
type Check = (&'static str, fn(&Patient<'_>) -> Vec<Finding>);

const CHECKS: &[Check] = &[
    ("parameters", parameters::check),
    ("name", name::check),
    ("listening", listening::check),
    ("tables", table_files::check),
    ("rights", modes::check),
    ("certificates", certificates::check),
    ("logins", logins::check),
    ("disk", disk::check),
    ("queue", left_over::check),
    ("log", log::check),
    ("clock", clock::check),
    ("relay", relay::check),
];

/// Makes the findings of one check.
fn finding(
    check: &'static str,
    severity: Severity,
    text: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding { check, severity, text: text.into(), fix: fix.into() }
}

/// Examines; the exit code is 1 if there is a problem or a warning.
pub(crate) fn run(context: &Context, options: &DoctorOptions) -> ExitCode {
    let directory = context.machine.root.at(&options.config);
    let mut findings = before_all(context);
    let mut warnings = Vec::new();
    match tables::load(&directory, |warning| warnings.push(warning)) {
        Ok((config, services)) => {
            let offline = options.offline;
            let patient = Patient { context, directory, config, services, warnings, offline };
            for (name, check) in CHECKS {
                let found = check(&patient);
                if found.is_empty() {
                    context.voice.done(name);
                }
                found.iter().for_each(|finding| show(context, finding));
                findings.extend(found);
            }
        }
        Err(why) => {
            let fix = "mend it, or postfix-installer install writes a first one";
            let found = finding("parameters", Severity::Problem, why, fix);
            show(context, &found);
            findings.push(found);
        }
    }
    let sick = findings.iter().any(|finding| finding.severity < Severity::Note);
    context.voice.document(&serde_json::json!({ "healthy": !sick, "findings": findings }));
    if sick { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What can be seen without a configuration.
fn before_all(context: &Context) -> Vec<Finding> {
    let machine = &context.machine;
    let mut findings = Vec::new();
    if journal::is_interrupted(&machine.root) {
        let text = "an installation was interrupted";
        let fix = "postfix-installer install (undoes the first, and begins again)";
        findings.push(finding("installation", Severity::Problem, text, fix));
    }
    for conflict in conflict::find(machine) {
        let remedies = conflict::remedies(machine, &conflict);
        let fix: Vec<String> = remedies.iter().map(ToString::to_string).collect();
        let text = format!("another mail system is here: {}", conflict.name);
        findings.push(finding("conflict", Severity::Problem, text, fix.join("; ")));
    }
    findings.iter().for_each(|finding| show(context, finding));
    findings
}

fn show(context: &Context, finding: &Finding) {
    if context.voice.json || (context.voice.quiet && finding.severity == Severity::Note) {
        return;
    }
    let (sign, colour) = match finding.severity {
        Severity::Problem => ("✗", AnsiColor::Red.on_default()),
        Severity::Warning => ("!", AnsiColor::Yellow.on_default()),
        Severity::Note => ("*", Style::new()),
    };
    progress::print(&format!("  {colour}{sign}{colour:#} {}: {}", finding.check, finding.text));
    let dim = Style::new().dimmed();
    progress::print(&format!("      {dim}{}{dim:#}", finding.fix));
}

#[cfg(test)]
mod tests;
