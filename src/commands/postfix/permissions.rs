//! `postfix set-permissions`: owners and modes of everything that belongs to the mail system, as
//! they were when it was installed.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{Gid, Uid};

use super::instances::is_secondary;
use super::tree::{self, FOLDERS, Ids, Owner};
use super::{Context, Logged};
use crate::commands::postconf::set_main;
use crate::config::lines::split_assignment;
use crate::config::{Config, parameters as p, why};

/// Creates what is missing and mends the rest. Words `name=value` change main.cf first.
pub(super) fn set(context: &Context, words: &[String]) -> Result<(), Logged> {
    let config = with_words(context, words)?;
    apply(context, &config).map_err(|text| context.fatal(&text))
}

/// The configuration with `name=value` on top, which main.cf says from now on: owners that the
/// next start does not know about would be no use.
pub(super) fn with_words(context: &Context, words: &[String]) -> Result<Arc<Config>, Logged> {
    let mut overrides = Vec::new();
    for word in words {
        match split_assignment(word) {
            Ok((name, value)) => overrides.push((name.to_owned(), value.to_owned())),
            Err(why) => return Err(context.fatal(&format!("{why}: \"{word}\""))),
        }
    }
    if overrides.is_empty() {
        return Ok(Arc::clone(&context.config));
    }
    let changed: Vec<String> = overrides
        .iter()
        .filter(|(name, value)| context.config.value(name) != *value)
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    if !changed.is_empty() {
        set_main(&context.config_directory, &changed).map_err(|text| context.fatal(&text))?;
    }
    Ok(context.config.with_overrides(&overrides))
}

fn apply(context: &Context, config: &Config) -> Result<(), String> {
    tree::create(config, context.privileged)?;
    if !context.privileged {
        return Ok(()); // one user owns everything
    }
    let ids = Ids::of(config, true)?;
    let queue = config.queue_directory();
    let root = Rights { uid: Uid::from_raw(0), gid: None };
    let mail = Rights { uid: ids.mail.unwrap_or(Uid::from_raw(0)), gid: None };
    root.give(&queue, Some(0o755))?;
    mail.give(Path::new(&config.text(&p::data_directory)), Some(0o700))?;
    for folder in FOLDERS {
        let path = queue.join(folder.name);
        let gid = if folder.setgid_group { ids.setgid } else { None };
        let rights = match folder.owner {
            Owner::Root => Rights { gid, ..root },
            Owner::Mail => Rights { gid, ..mail },
        };
        // The maildrop is everybody's to write to: what is in it stays whose it is.
        if folder.owner == Owner::Mail && folder.name != "maildrop" && folder.name != "public" {
            mail.give_all_below(&path)?;
        }
        rights.give(&path, Some(folder.mode))?;
    }
    let directory = &context.config_directory;
    root.give(directory, Some(0o755))?;
    for name in ["main.cf", "master.cf"] {
        root.give(&directory.join(name), Some(0o644))?;
    }
    if is_secondary(context) {
        return Ok(());
    }
    shared(config, &ids)
}

/// The programs. Links are followed: most names are other names of one file.
fn shared(config: &Config, ids: &Ids) -> Result<(), String> {
    let commands = PathBuf::from(config.text(&p::command_directory));
    let root = Rights { uid: Uid::from_raw(0), gid: Some(Gid::from_raw(0)) };
    let program = |name: &str| std::fs::canonicalize(commands.join(name)).ok();
    if let Some(postfix) = program("postfix") {
        root.give(&postfix, Some(0o755))?;
    }
    let setgid = Rights { uid: Uid::from_raw(0), gid: ids.setgid };
    for name in ["postdrop", "postqueue", "postlog"] {
        let path = program(name).filter(|path| path.file_name().is_some_and(|n| n != "postfix"));
        if let Some(path) = path {
            setgid.give(&path, Some(0o2755))?;
        }
    }
    Ok(())
}

/// Who is to own something.
#[derive(Clone, Copy)]
struct Rights {
    uid: Uid,
    gid: Option<Gid>,
}

impl Rights {
    /// Sets owner and mode where they differ. A change of the owner takes set-id bits away, so the
    /// mode comes second.
    fn give(self, path: &Path, mode: Option<u32>) -> Result<(), String> {
        let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
        if found.is_symlink() {
            return Ok(());
        }
        let gid = self.gid.filter(|gid| gid.as_raw() != found.gid());
        let uid = Some(self.uid).filter(|uid| uid.as_raw() != found.uid());
        if uid.is_some() || gid.is_some() {
            nix::unistd::chown(path, uid, gid)
                .map_err(|e| format!("chown {}: {}", path.display(), e.desc()))?;
        }
        if let Some(mode) = mode {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
                .map_err(|e| format!("chmod {}: {}", path.display(), why(&e)))?;
        }
        Ok(())
    }

    /// Gives away what is in a folder, without following links.
    fn give_all_below(self, folder: &Path) -> Result<(), String> {
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
        for entry in entries.flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.give_all_below(&path)?;
            }
            self.give(&path, None)?;
        }
        Ok(())
    }
}
