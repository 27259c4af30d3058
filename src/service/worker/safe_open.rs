//! Opening a file that mail is appended to, in a directory where others may play tricks.
//!
//! A file that exists must have one hard link and be no symbolic link (but for links of root in
//! a directory that only root writes), and must still be the same file after it was opened. A
//! file that does not exist is created exclusively, which follows no link.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

/// A failure: the text for the log, and the error whose number decides about the status.
#[derive(Debug)]
pub(super) struct OpenError {
    pub(super) text: String,
    pub(super) error: io::Error,
}

impl OpenError {
    fn system(what: &str, error: io::Error) -> Self {
        let text = format!("{what}: {}", crate::sys::spawn::error_text(&error));
        Self { text, error }
    }

    fn refused(text: impl Into<String>, errno: i32) -> Self {
        Self { text: text.into(), error: io::Error::from_raw_os_error(errno) }
    }
}

/// Opens or creates `path` for appending, without waiting for a reader of a FIFO. A file that was
/// created is given to `owner` (user and group).
pub(super) fn append(
    path: &Path,
    owner: Option<(u32, u32)>,
) -> Result<(File, Metadata), OpenError> {
    match existing(path) {
        Err(e) if e.error.kind() == io::ErrorKind::NotFound => match create(path, owner) {
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => existing(path),
            result => result,
        },
        result => result,
    }
}

fn existing(path: &Path) -> Result<(File, Metadata), OpenError> {
    let file = OpenOptions::new()
        .append(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|e| OpenError::system("cannot open file", e))?;
    let opened = file.metadata().map_err(|e| OpenError::system("cannot open file", e))?;
    if opened.nlink() != 1 {
        let text = format!("file has {} hard links", opened.nlink());
        return Err(OpenError::refused(text, libc::EPERM));
    }
    if opened.is_dir() {
        return Err(OpenError::refused("file is a directory", libc::EISDIR));
    }
    let changed = "file status changed unexpectedly";
    let named = std::fs::symlink_metadata(path).map_err(|e| {
        OpenError::refused(format!("{changed}: {}", crate::sys::spawn::error_text(&e)), libc::EPERM)
    })?;
    if named.is_symlink() {
        if named.uid() == 0 && only_root_writes(path.parent()) {
            return Ok((file, opened));
        }
        return Err(OpenError::refused("file is a symbolic link", libc::EPERM));
    }
    let same = opened.dev() == named.dev()
        && opened.ino() == named.ino()
        && opened.nlink() == named.nlink()
        && opened.mode() == named.mode();
    if same { Ok((file, opened)) } else { Err(OpenError::refused(changed, libc::EPERM)) }
}

fn only_root_writes(directory: Option<&Path>) -> bool {
    directory
        .and_then(|d| std::fs::metadata(d).ok())
        .is_some_and(|d| d.uid() == 0 && d.mode() & 0o022 == 0)
}

fn create(path: &Path, owner: Option<(u32, u32)>) -> Result<(File, Metadata), OpenError> {
    let failed = |e| OpenError::system("cannot create file exclusively", e);
    let file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(failed)?;
    if let Some((uid, gid)) = owner {
        fchown(&file, Some(uid), Some(gid))
            .map_err(|e| OpenError::system("cannot change file ownership", e))?;
    }
    let metadata = file.metadata().map_err(failed)?;
    Ok((file, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creates_and_appends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mbox");
        assert_eq!(append(&path, None).unwrap().1.mode() & 0o777, 0o600);
        assert!(append(&path, None).is_ok());
    }

    #[test]
    fn links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (victim, hard, soft) =
            (dir.path().join("victim"), dir.path().join("hard"), dir.path().join("soft"));
        std::fs::write(&victim, "x").unwrap();
        std::fs::hard_link(&victim, &hard).unwrap();
        assert_eq!(append(&hard, None).unwrap_err().text, "file has 2 hard links");
        std::fs::remove_file(&hard).unwrap();
        std::os::unix::fs::symlink(&victim, &soft).unwrap();
        // A link of root is only trusted in a directory that nobody else writes.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(dir.path(), mode).unwrap();
        assert_eq!(append(&soft, None).unwrap_err().text, "file is a symbolic link");
        let nowhere = dir.path().join("nowhere");
        std::os::unix::fs::symlink(dir.path().join("absent"), &nowhere).unwrap();
        assert!(append(&nowhere, None).is_err());
        assert!(!dir.path().join("absent").exists());
        assert_eq!(append(dir.path(), None).unwrap_err().error.raw_os_error(), Some(libc::EISDIR));
    }
}
