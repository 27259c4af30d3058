//! What stood at a path before a change, and how it is put back.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::FOLDER;
use crate::failure::{Failure, Outcome};
use crate::root::{self, Root};

/// What stood at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// Nothing.
    Absent,
    /// A file; it lies below the journal's folder now, under that name.
    File(PathBuf),
    /// A link.
    Link(PathBuf),
    /// A folder: mode, user, group.
    Folder(u32, u32, u32),
}

/// The name under which a new file is written before it takes its place.
pub fn temporary(at: &Path) -> PathBuf {
    let name = at.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    at.with_file_name(format!(".{name}.postfix-installer"))
}

/// Keeps what stands at a path under the name `saved` in the journal's folder. A file is linked
/// there, so that the very same file can be put back; where that cannot be, it is copied.
pub fn save(root: &Root, path: &Path, saved: &str) -> Outcome<Before> {
    let at = root.at(path);
    let found = match std::fs::symlink_metadata(&at) {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Before::Absent),
        Err(e) => return Err(Failure::io("look at", &at, &e)),
    };
    if found.is_symlink() {
        let target = std::fs::read_link(&at).map_err(|e| Failure::io("read the link", &at, &e))?;
        return Ok(Before::Link(target));
    }
    if found.is_dir() {
        let (mode, user, group) = root::rights(&at).unwrap_or((0o755, 0, 0));
        return Ok(Before::Folder(mode, user, group));
    }
    if !found.is_file() {
        return Err(Failure::new(format!("{} is a {}", path.display(), root::kind(&at)))
            .advise("move it out of the way"));
    }
    let to = root.at(FOLDER).join(saved);
    let _ = std::fs::remove_file(&to);
    keep(&at, &to).map_err(|e| Failure::io("save", &at, &e))?;
    Ok(Before::File(saved.into()))
}

/// The file under a second name: a hard link, or, on another file system, a copy.
pub(super) fn keep(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(from, to)?;
    let copy = std::fs::File::options().write(true).open(to)?;
    let found = std::fs::metadata(from)?;
    let times = std::fs::FileTimes::new().set_modified(found.modified()?);
    copy.set_times(times)?;
    if let Some((mode, user, group)) = root::rights(from) {
        let _ = std::os::unix::fs::chown(to, Some(user), Some(group));
        set_mode(to, mode)?;
    }
    copy.sync_all()
}

/// Puts back what stood at a path. Doing it a second time changes nothing.
pub fn restore(root: &Root, path: &Path, before: &Before) -> Outcome {
    let at = root.at(path);
    let _ = std::fs::remove_file(temporary(&at));
    let failed = |e: &io::Error| Failure::io("put back", &at, e);
    match before {
        Before::Absent => remove(&at).map_err(|e| failed(&e)),
        Before::File(saved) => {
            let from = root.at(FOLDER).join(saved);
            if !from.exists() || is_same(&from, &at) {
                return Ok(()); // it has been put back before, or was never changed
            }
            let temporary = temporary(&at);
            keep(&from, &temporary)
                .and_then(|()| make_way(&at))
                .and_then(|()| take_place(&temporary, &at))
                // rename does nothing if both are the same file already
                .and_then(|()| remove(&temporary))
                .map_err(|e| failed(&e))
        }
        Before::Link(target) => {
            if std::fs::read_link(&at).is_ok_and(|now| now == *target) {
                return Ok(());
            }
            let temporary = temporary(&at);
            std::os::unix::fs::symlink(target, &temporary)
                .and_then(|()| std::fs::rename(&temporary, &at))
                .map_err(|e| failed(&e))
        }
        Before::Folder(mode, user, group) => {
            if !at.is_dir() {
                remove(&at).and_then(|()| std::fs::create_dir(&at)).map_err(|e| failed(&e))?;
            }
            set_rights(&at, (*mode, *user, *group))
        }
    }
}

/// Whether both are files with the same content and rights.
fn is_same(one: &Path, other: &Path) -> bool {
    let rights = root::rights(one).is_some_and(|rights| root::rights(other) == Some(rights));
    let is_file = std::fs::symlink_metadata(other).is_ok_and(|found| found.is_file());
    rights
        && is_file
        && matches!((std::fs::read(one), std::fs::read(other)), (Ok(a), Ok(b)) if a == b)
}

/// Moves a file to its place. A file that is a mount of its own, as containers have /etc/hosts and
/// /etc/hostname, cannot be replaced: it is written to.
pub fn take_place(temporary: &Path, at: &Path) -> io::Result<()> {
    use std::io::Write as _;
    match std::fs::rename(temporary, at) {
        Err(e) if e.kind() == io::ErrorKind::ResourceBusy && at.is_file() => {
            let bytes = std::fs::read(temporary)?;
            let mut file = std::fs::File::options().write(true).open(at)?;
            file.write_all(&bytes)?;
            file.set_len(bytes.len() as u64)?;
            file.sync_all()?;
            std::fs::remove_file(temporary)
        }
        done => done,
    }
}

/// A folder that is in the way of a file goes if it is empty.
fn make_way(at: &Path) -> io::Result<()> {
    if at.is_dir() && !at.is_symlink() { std::fs::remove_dir(at) } else { Ok(()) }
}

/// Removes a file, a link, or an empty folder; a folder that somebody has put something into
/// stays.
pub fn remove(at: &Path) -> io::Result<()> {
    let done = match std::fs::symlink_metadata(at) {
        Ok(found) if found.is_dir() => std::fs::remove_dir(at),
        Ok(_) => std::fs::remove_file(at),
        Err(e) => Err(e),
    };
    match done {
        Err(e)
            if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Sets mode and owner by number; the owner only where that is allowed.
pub fn set_rights(at: &Path, (mode, user, group): (u32, u32, u32)) -> Outcome {
    let failed = |e: &io::Error| Failure::io("set mode and owner of", at, e);
    if postfix_rs::sys::users::is_root() {
        std::os::unix::fs::lchown(at, Some(user), Some(group)).map_err(|e| failed(&e))?;
    }
    set_mode(at, mode).map_err(|e| failed(&e))
}

/// Sets the mode.
pub fn set_mode(at: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(at, std::fs::Permissions::from_mode(mode))
}
