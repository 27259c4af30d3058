//! `postfix check`: is the configuration sound, and does everything belong to whom it should?

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::tree::{self, FOLDERS, Owner};
use super::{Context, Logged};
use crate::config::{Config, master_cf, parameters as p};
use crate::sys::users;

/// mail_owner and setgid_group must exist, and must not be anybody else's.
pub(super) fn owners(config: &Config, privileged: bool) -> Result<(), String> {
    if !privileged {
        return Ok(());
    }
    let file = format!("file {}/main.cf: parameter", config.directory.display());
    let (owner, group) = (config.text(&p::mail_owner), config.text(&p::setgid_group));
    let user = users::user(&owner)
        .map_err(|_| format!("{file} mail_owner: unknown user name value: {owner}"))?;
    if user.uid.is_root() {
        return Err(format!("{file} mail_owner: user {owner} has privileged user ID"));
    }
    if user.gid.as_raw() == 0 {
        return Err(format!("{file} mail_owner: user {owner} has privileged group ID"));
    }
    let found = users::group(&group)
        .map_err(|_| format!("{file} setgid_group: unknown group name: {group}"))?;
    if found.gid.as_raw() == 0 {
        return Err(format!("{file} setgid_group: group {group} has privileged group ID"));
    }
    if found.gid == user.gid {
        return Err(format!(
            "file {}/main.cf: parameters mail_owner and setgid_group: user {owner} and group {group} \
             have the same group ID: {}",
            config.directory.display(),
            user.gid
        ));
    }
    Ok(())
}

/// All checks: what makes a start impossible is fatal, the rest are warnings.
pub(super) fn run(context: &Context) -> Result<(), Logged> {
    fatal_checks(context)?;
    warnings(context);
    Ok(())
}

/// Creates missing folders, and reads the whole configuration once.
pub(super) fn fatal_checks(context: &Context) -> Result<(), Logged> {
    let config = &context.config;
    tree::create(config, context.privileged).map_err(|text| context.fatal(&text))?;
    let path = config.directory.join("master.cf");
    let text = std::fs::read_to_string(&path)
        .map_err(|_| context.fatal(&format!("no {} file found", path.display())))?;
    let limit = u32::try_from(config.int(&p::default_process_limit)).unwrap_or(100);
    let lines = master_cf::parse(&text, limit).map_err(|problem| context.fatal(&problem.text))?;
    let has_postlog = lines.iter().any(|line| line.program == "postlogd");
    if !config.text(&p::maillog_file).is_empty() && !has_postlog {
        return Err(context.fatal(
            "missing 'postlog' service in master.cf - run 'postfix upgrade-configuration'",
        ));
    }
    Ok(())
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
