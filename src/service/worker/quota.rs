//! Maildir++ quotas: whether a folder has room for one more message, and the file `maildirsize`
//! that spares counting.
//!
//! The file is believed as long as there is room. When there is none by the file, and the file is
//! old or a sum of several lines, the folder is counted: mail that has been deleted by a program
//! that knows no quotas is no reason to refuse any. The counted sums replace the file in one step;
//! if the folder has changed meanwhile, the file goes, and the next one counts.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::refused;
use crate::ipc::worker::{Limit, Maildir, Refusal};
use crate::mail::status::Status;
use crate::wire::maildirsize::{self, LENGTH_MAX, MaildirSize, Quota};

/// From this age on a file that says "full" is not believed, in seconds.
const OLD: i64 = 15 * 60;

/// How deep folders are looked for in folders.
const DEPTH: u32 = 16;

/// What is in a folder, and when its parts last changed.
#[derive(Debug, Default)]
struct Counted {
    bytes: u64,
    messages: u64,
    parts: Vec<(PathBuf, (i64, i64))>,
}

/// Refuses a message of `size` bytes that the folder has no room for.
pub(super) fn check(
    maildir: &Maildir,
    limit: &Limit,
    size: u64,
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    if limit.bytes == 0 {
        return Ok(());
    }
    let quota = Quota { bytes: Some(limit.bytes), messages: None };
    let (file, age) = match limit.uses_file() {
        true => read(&maildir.path, limit),
        false => (None, 0),
    };
    if let Some(file) = &file {
        let room = file.quota.has_room_for(file.bytes.saturating_add(size), file.messages + 1);
        if room || (file.lines <= 1 && age < OLD) {
            return if room { Ok(()) } else { Err(full(limit, size)) };
        }
    }
    let counted = count(&maildir.path, limit)
        .map_err(|e| refused(&format!("count {}", maildir.path), &e, maildir.default_status))?;
    // Somebody else's limit on the number of messages stays in force.
    let quota = file.map_or(quota, |file| file.quota);
    if limit.uses_file()
        && limit.creates_file
        && let Err(e) = replace(maildir, quota, &counted)
    {
        warnings.push(format!(
            "{}maildirsize: {}",
            maildir.path,
            crate::sys::spawn::error_text(&e)
        ));
    }
    let room = quota.has_room_for(counted.bytes.saturating_add(size), counted.messages + 1);
    if room { Ok(()) } else { Err(full(limit, size)) }
}

/// The refusal: for good if the message could never fit.
fn full(limit: &Limit, size: u64) -> Refusal {
    let status = if size > limit.bytes || limit.bounces {
        Status::new(5, 2, 2)
    } else {
        Status::new(4, 2, 2)
    };
    Refusal::new(status, limit.message.clone())
}

/// Enters a message that has been delivered. In one write, so that those of others stay whole.
pub(super) fn enter(maildir: &Maildir, limit: &Limit, size: u64, warnings: &mut Vec<String>) {
    if !limit.uses_file() {
        return;
    }
    let path = size_file(&maildir.path);
    let entered = OpenOptions::new()
        .append(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(&path)
        .and_then(|mut file| file.write_all(maildirsize::change(size, 1).as_bytes()));
    match entered {
        Ok(()) => {}
        // Nobody keeps the sums here.
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => {
            warnings.push(format!("{}: {}", path.display(), crate::sys::spawn::error_text(&e)));
        }
    }
}

impl Limit {
    /// Whether the sums in `maildirsize` are those that count.
    fn uses_file(&self) -> bool {
        self.extended && !self.inbox_only
    }
}

fn size_file(maildir: &str) -> PathBuf {
    Path::new(maildir).join("maildirsize")
}

/// What the file says, if it can be used, and how old it is in seconds.
fn read(maildir: &str, limit: &Limit) -> (Option<MaildirSize>, i64) {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(size_file(maildir));
    let Ok(file) = opened else { return (None, 0) };
    let Some(metadata) = file.metadata().ok().filter(Metadata::is_file) else { return (None, 0) };
    let mut text = Vec::new();
    if file.take(LENGTH_MAX as u64 + 1).read_to_end(&mut text).is_err() {
        return (None, 0);
    }
    let now = i64::try_from(crate::sys::now() / 1_000_000).unwrap_or(i64::MAX);
    // A file with another quota is from before the quota changed.
    let found = maildirsize::parse(&text).filter(|found| found.quota.bytes == Some(limit.bytes));
    (found, now.saturating_sub(metadata.mtime()))
}

/// Counts what is there.
fn count(maildir: &str, limit: &Limit) -> io::Result<Counted> {
    let mut counted = Counted::default();
    let top = Path::new(maildir);
    if limit.inbox_only {
        for part in ["new", "cur"] {
            counted.messages_in(&top.join(part), limit)?;
        }
    } else {
        counted.folder(top, limit, DEPTH)?;
    }
    Ok(counted)
}

impl Counted {
    /// A folder and those in it; links lead elsewhere and count nothing.
    fn folder(&mut self, path: &Path, limit: &Limit, depth: u32) -> io::Result<()> {
        let Some(entries) = entries(path)? else { return Ok(()) };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let ignored =
                name == "tmp" || limit.trash.as_deref().is_some_and(|trash| name == trash);
            if ignored || !entry.file_type()?.is_dir() {
                continue;
            }
            if name == "new" || name == "cur" {
                self.messages_in(&entry.path(), limit)?;
            } else if depth > 0 {
                self.folder(&entry.path(), limit, depth - 1)?;
            }
        }
        Ok(())
    }

    fn messages_in(&mut self, path: &Path, limit: &Limit) -> io::Result<()> {
        let changed = changed(path);
        let Some(entries) = entries(path)? else { return Ok(()) };
        self.parts.extend(changed.map(|time| (path.to_owned(), time)));
        for entry in entries {
            let entry = entry?;
            let named = match limit.extended {
                true => maildirsize::size_in_name(entry.file_name().as_bytes()),
                false => None,
            };
            let size = match named {
                Some(size) => size,
                // A message that has just been moved or deleted is none.
                None => match entry.metadata() {
                    Ok(found) if found.is_file() => found.len(),
                    _ => continue,
                },
            };
            self.bytes = self.bytes.saturating_add(size);
            self.messages += 1;
        }
        Ok(())
    }
}

fn entries(path: &Path) -> io::Result<Option<std::fs::ReadDir>> {
    match std::fs::read_dir(path) {
        Ok(entries) => Ok(Some(entries)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn changed(path: &Path) -> Option<(i64, i64)> {
    std::fs::symlink_metadata(path).ok().map(|found| (found.mtime(), found.mtime_nsec()))
}

/// Puts a file with the counted sums in the place of the old one.
fn replace(maildir: &Maildir, quota: Quota, counted: &Counted) -> io::Result<()> {
    let path = size_file(&maildir.path);
    let draft = Path::new(&maildir.path).join(format!(
        "tmp/{}.P{}Q.{}",
        crate::sys::now(),
        std::process::id(),
        maildir.hostname
    ));
    let text = quota.line() + &maildirsize::change(counted.bytes, counted.messages);
    let written = File::options()
        .write(true)
        .create_new(true)
        .mode(0o640)
        .open(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&draft, &path));
    if written.is_err() {
        // What is left of it; it may not even have been made.
        let _ = std::fs::remove_file(&draft);
        return written;
    }
    let same = counted.parts.iter().all(|(part, time)| changed(part).as_ref() == Some(time));
    if same { Ok(()) } else { std::fs::remove_file(&path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::worker::Copy;

    fn limit(bytes: u64) -> Limit {
        Limit {
            bytes,
            inbox_only: false,
            extended: true,
            creates_file: true,
            trash: Some(".Trash".into()),
            bounces: false,
            message: "no room".into(),
        }
    }

    /// A maildir with one message of 100 bytes in the inbox, in a folder and in the trash.
    fn maildir() -> (tempfile::TempDir, Maildir) {
        let dir = tempfile::tempdir().unwrap();
        for part in ["new", "cur", "tmp", ".Sent/cur", ".Trash/cur"] {
            std::fs::create_dir_all(dir.path().join(part)).unwrap();
        }
        for name in ["cur/1.a,S=100:2,S", ".Sent/cur/2.a", ".Trash/cur/3.a", "tmp/4.a", "other"] {
            std::fs::write(dir.path().join(name), [b'x'; 100]).unwrap();
        }
        let maildir = Maildir {
            path: format!("{}/", dir.path().display()),
            copy: Copy::default(),
            hostname: "host".into(),
            default_status: Status::new(4, 2, 0),
            limit: None,
            filter: None,
        };
        (dir, maildir)
    }

    fn checked(maildir: &Maildir, limit: &Limit, size: u64) -> Result<(), String> {
        check(maildir, limit, size, &mut Vec::new()).map_err(|r| r.status.to_string())
    }

    fn file(maildir: &Maildir) -> Option<String> {
        std::fs::read_to_string(size_file(&maildir.path)).ok()
    }

    #[test]
    fn counts_once_and_keeps_the_sums() {
        let (_dir, maildir) = maildir();
        assert_eq!(checked(&maildir, &limit(300), 100), Ok(()));
        assert_eq!(file(&maildir).as_deref(), Some("300S\n200 2\n"));
        enter(&maildir, &limit(300), 100, &mut Vec::new());
        assert_eq!(file(&maildir).as_deref(), Some("300S\n200 2\n100 1\n"));
        assert_eq!(checked(&maildir, &limit(300), 1), Ok(()), "counted: the third is not there");
        assert_eq!(file(&maildir).as_deref(), Some("300S\n200 2\n"));
        assert_eq!(checked(&maildir, &limit(300), 101), Err("4.2.2".into()));
        assert_eq!(checked(&maildir, &limit(300), 301), Err("5.2.2".into()));
        let bounces = Limit { bounces: true, ..limit(300) };
        assert_eq!(checked(&maildir, &bounces, 101), Err("5.2.2".into()));
    }

    #[test]
    fn what_counts() {
        let (_dir, maildir) = maildir();
        let inbox = Limit { inbox_only: true, ..limit(150) };
        assert_eq!(checked(&maildir, &inbox, 50), Ok(()));
        assert_eq!(checked(&maildir, &inbox, 51), Err("4.2.2".into()));
        let trash = Limit { trash: None, extended: false, ..limit(350) };
        assert_eq!(checked(&maildir, &trash, 51), Err("4.2.2".into()));
        assert_eq!(checked(&maildir, &limit(0), 1 << 40), Ok(()));
        assert_eq!(file(&maildir), None);
    }

    #[test]
    fn files_of_others() {
        let (dir, maildir) = maildir();
        let path = dir.path().join("maildirsize");
        std::fs::write(&path, "1000S,2C\n200 2\n").unwrap();
        assert_eq!(checked(&maildir, &limit(1000), 1), Err("4.2.2".into()), "two messages at most");
        std::fs::write(&path, "999S\n900 9\n").unwrap();
        assert_eq!(checked(&maildir, &limit(1000), 700), Ok(()), "the quota has changed");
        assert_eq!(file(&maildir).as_deref(), Some("1000S\n200 2\n"));
        std::fs::write(&path, "garbage").unwrap();
        assert_eq!(checked(&maildir, &limit(1000), 700), Ok(()));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        let mut warnings = Vec::new();
        enter(&maildir, &limit(1000), 1, &mut warnings);
        assert_eq!(warnings.len(), 1, "a link is not followed");
    }
}
