//! `postfix check`: is the configuration sound, and does everything belong to whom it should?

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::tree::{self, FOLDERS, Owner};
use super::{Context, Logged};
use crate::config::master_cf::ServiceLine;
use crate::config::{Sources, parameters as p};
use crate::smtpd;
use crate::sys::users;

/// All checks: what makes a start impossible is fatal, the rest are warnings.
pub(super) fn run(context: &Context) -> Result<(), Logged> {
    let services = fatal_checks(context)?;
    warnings(context);
    let mut report = context.config.check(&services);
    report.errors.extend(smtpd::restriction_problems(&context.config, &services));
    report.errors.extend(smtpd::login_problems(&context.config, &services));
    tell(&report.warnings);
    for error in &report.errors {
        eprintln!("postfix: error: {error}");
        context.log.error(format_args!("{error}"));
    }
    if report.errors.is_empty() { Ok(()) } else { Err(Logged) }
}

/// Says what is odd in the configuration, to whoever typed the command: Postfix does it in the
/// same place, also where the output is no terminal.
fn tell(warnings: &[String]) {
    for warning in warnings {
        eprintln!("postfix: warning: {warning}");
    }
}

/// At a start, what is wrong with the configuration is logged, and keeps nothing from starting
/// that starts with Postfix.
pub(super) fn report(context: &Context, services: &[ServiceLine]) {
    let report = context.config.check(services);
    tell(&report.warnings);
    for error in &report.errors {
        context.log.warning(format_args!("{error}"));
    }
}

/// Creates missing folders, and reads the whole configuration once: gives the services.
pub(super) fn fatal_checks(context: &Context) -> Result<Vec<ServiceLine>, Logged> {
    let config = &context.config;
    tree::create(config, context.privileged).map_err(|text| context.fatal(&text))?;
    let path = config.directory.join("master.cf");
    if !path.is_file() {
        return Err(context.fatal(&format!("no {} file found", path.display())));
    }
    let lines = Sources::read(&config.directory)
        .and_then(|sources| {
            config.services(&sources, |text| context.log.warning(format_args!("{text}")))
        })
        .map_err(|problem| context.fatal(&problem.text))?;
    let has_postlog = lines.iter().any(|line| line.program == "postlogd");
    if !config.text(&p::maillog_file).is_empty() && !has_postlog {
        return Err(context.fatal(
            "missing 'postlog' service in master.cf - run 'postfix upgrade-configuration'",
        ));
    }
    Ok(lines)
}

/// What should be mended, but keeps nothing from starting.
pub(super) fn warnings(context: &Context) {
    let config = &context.config;
    if !context.privileged {
        return; // one user owns everything: there is nobody to protect it from
    }
    let (Ok(mail), Ok(setgid)) =
        (users::user(&config.text(&p::mail_owner)), users::group(&config.text(&p::setgid_group)))
    else {
        return;
    };
    let queue = config.queue_directory();
    let data = PathBuf::from(config.text(&p::data_directory));
    let warn =
        |text: &str, path: &Path| context.log.warning(format_args!("{text}: {}", path.display()));
    for path in [queue.clone(), queue.join("pid"), config.directory.clone()] {
        if let Ok(found) = std::fs::metadata(&path) {
            let shown = if path.ends_with("pid") { path.clone() } else { path.join(".") };
            if found.uid() != 0 {
                warn("not owned by root", &shown);
            }
            if found.mode() & 0o022 != 0 {
                warn("group or other writable", &shown);
            }
        }
    }
    let not_mail = format!("not owned by {}", mail.name);
    for path in std::iter::once(data)
        .chain(FOLDERS.iter().filter(|f| f.owner == Owner::Mail).map(|f| queue.join(f.name)))
    {
        if std::fs::metadata(&path).is_ok_and(|found| found.uid() != mail.uid.as_raw()) {
            warn(&not_mail, &path);
        }
    }
    let not_group = format!("not owned by group {}", setgid.name);
    let programs = PathBuf::from(config.text(&p::command_directory));
    for path in [
        queue.join("public"),
        queue.join("maildrop"),
        programs.join("postqueue"),
        programs.join("postdrop"),
    ] {
        if std::fs::metadata(&path).is_ok_and(|found| found.gid() != setgid.gid.as_raw()) {
            warn(&not_group, &path);
        }
    }
    for name in ["postqueue", "postdrop"] {
        let path = programs.join(name);
        if std::fs::metadata(&path).is_ok_and(|found| found.mode() & 0o2111 != 0o2111) {
            warn("not set-gid or not owner+group+world executable", &path);
        }
    }
}
