//! Adding a message to a maildir: written in `tmp`, synced, then moved to `new` under a name that
//! nobody else can have. In between, the user's quota and rules have their say, where there are any.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::copy::{Body, CopyError, copy};
use super::maildir_filter::{self, Verdict};
use super::{mbox, quota, refused};
use crate::ipc::worker::{Maildir, Refusal};
use crate::mail::status::Status;

/// What became of a message that was not refused, in a word for the log; nothing for the usual.
pub(super) type Remark = &'static str;

/// Delivers. Whatever part of the content was not needed is still on the socket.
pub(super) fn deliver<R: Read>(
    maildir: &Maildir,
    body: &mut Body<'_, R>,
    warnings: &mut Vec<String>,
) -> Result<Result<Remark, Refusal>, CopyError> {
    let now = crate::sys::now();
    let (seconds, micros) = (now / 1_000_000, now % 1_000_000);
    let tmp = tmp_path(maildir, seconds);
    let file = match create(&tmp) {
        Ok(file) => file,
        Err(e) => return Ok(Err(not_created(maildir, &tmp, &e))),
    };
    let result = match copy(&maildir.copy, body, &file) {
        Err(CopyError::Parent) => {
            let _ = std::fs::remove_file(&tmp);
            return Err(CopyError::Parent);
        }
        Err(CopyError::Write(e)) => Err(mbox::write_failed(&e)),
        Ok(()) => written(maildir, &tmp, &file, (seconds, micros), warnings),
    };
    let published = matches!(&result, Ok(remark) if *remark != DISCARDED);
    if !published && let Err(e) = std::fs::remove_file(&tmp) {
        warnings.push(format!("remove {tmp}: {}", crate::sys::spawn::error_text(&e)));
    }
    Ok(result)
}

/// What is said of a message that the user's rules have thrown away.
const DISCARDED: Remark = "discarded by the user's rules";

fn not_created(maildir: &Maildir, path: &str, e: &io::Error) -> Refusal {
    refused(&format!("create maildir file {path}"), e, maildir.default_status)
}

/// From a whole file in `tmp` to one that the user sees.
fn written(
    maildir: &Maildir,
    tmp: &str,
    file: &File,
    (seconds, micros): (u64, u64),
    warnings: &mut Vec<String>,
) -> Result<Remark, Refusal> {
    let found = file.metadata().map_err(|e| mbox::write_failed(&e))?;
    if let Some(limit) = &maildir.limit {
        quota::check(maildir, limit, found.len(), warnings)?;
    }
    let verdict = match &maildir.filter {
        Some(filter) => maildir_filter::apply(filter, tmp, warnings),
        None => Verdict::Deliver,
    };
    let folder = match verdict {
        Verdict::Deliver => String::new(),
        Verdict::Into(folder) => format!("{folder}/"),
        Verdict::Discard => return Ok(DISCARDED),
        Verdict::Reject(why) => return Err(Refusal::new(Status::new(5, 0, 0), why)),
    };
    file.sync_all().map_err(|e| mbox::write_failed(&e))?;
    let size = maildir.limit.as_ref().filter(|limit| limit.extended).map(|_| found.len());
    let name = new_name(maildir, seconds, micros, (found.dev(), found.ino()), size);
    let place = format!("{}{folder}", maildir.path);
    let new = format!("{place}new/{name}");
    publish(&place, tmp, &new).map_err(|e| not_created(maildir, &new, &e))?;
    if !folder.is_empty() {
        // Marks a folder of a maildir. One that has the mark keeps it.
        let _ = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(format!("{place}maildirfolder"));
    }
    if let Some(limit) = &maildir.limit {
        quota::enter(maildir, limit, found.len(), warnings);
    }
    Ok(if folder.is_empty() { "" } else { "to a folder by the user's rules" })
}

/// `tmp/time.Pprocess.host`: this process has no more than one file there at a time.
fn tmp_path(maildir: &Maildir, seconds: u64) -> String {
    let Maildir { path, hostname, .. } = maildir;
    format!("{path}tmp/{seconds}.P{}.{hostname}", std::process::id())
}

/// `time.Vdevice Iinode Mmicroseconds.host`, without the spaces, and `,S=size` after it.
fn new_name(
    maildir: &Maildir,
    seconds: u64,
    micros: u64,
    (dev, ino): (u64, u64),
    size: Option<u64>,
) -> String {
    let size = size.map(|size| format!(",S={size}")).unwrap_or_default();
    format!("{seconds}.V{dev:x}I{ino:x}M{micros}.{}{size}", maildir.hostname)
}

fn create(path: &str) -> io::Result<File> {
    let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match open() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            make_directories(Path::new(path).parent())?;
            open()
        }
        result => result,
    }
}

/// Moves the file to its place without ever replacing one.
fn publish(place: &str, tmp: &str, new: &str) -> io::Result<()> {
    match move_to(tmp, new) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let below = |name: &str| Path::new(place).join(name);
            // If `cur` or `tmp` cannot be made, `new` is what counts.
            let _ = make_directories(Some(&below("cur")));
            let _ = make_directories(Some(&below("tmp")));
            make_directories(Some(&below("new")))?;
            move_to(tmp, new)
        }
        result => result,
    }
}

fn move_to(tmp: &str, new: &str) -> io::Result<()> {
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    match renameat2(AT_FDCWD, tmp, AT_FDCWD, new, RenameFlags::RENAME_NOREPLACE) {
        Ok(()) => Ok(()),
        // Some network file systems know no such rename.
        Err(nix::Error::EINVAL | nix::Error::ENOSYS | nix::Error::EOPNOTSUPP) => {
            std::fs::hard_link(tmp, new)?;
            std::fs::remove_file(tmp)
        }
        Err(e) => Err(e.into()),
    }
}

/// Makes the directory and its missing parents, for the owner alone. They get the user's group
/// even below a set-group-ID directory.
fn make_directories(path: Option<&Path>) -> io::Result<()> {
    let Some(path) = path.filter(|path| !path.as_os_str().is_empty()) else { return Ok(()) };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => return Err(io::Error::from_raw_os_error(libc::ENOTDIR)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => make_directories(path.parent())?,
        Err(e) => return Err(e),
    }
    match DirBuilder::new().mode(0o700).create(path) {
        // Another delivery was faster.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        result => result?,
    }
    let (_, group) = crate::sys::spawn::groups();
    if std::fs::metadata(path)?.gid() != group {
        std::os::unix::fs::chown(path, None, Some(group))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::worker::{Copy, Filter, Limit};

    fn maildir(path: &Path) -> Maildir {
        Maildir {
            path: format!("{}/", path.to_str().unwrap()),
            copy: Copy { prefix: b"X: y\n".to_vec(), ..Copy::default() },
            hostname: "host.example".into(),
            default_status: Status::new(5, 2, 0),
            limit: None,
            filter: None,
        }
    }

    fn deliver_to(path: &Path, content: &[u8]) -> Result<Remark, Refusal> {
        give(&maildir(path), content)
    }

    fn give(maildir: &Maildir, content: &[u8]) -> Result<Remark, Refusal> {
        let mut from = content;
        let mut body = Body { from: &mut from, left: content.len() as u64 };
        deliver(maildir, &mut body, &mut Vec::new()).unwrap()
    }

    fn names(path: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(path).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn makes_directories_and_unique_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/Maildir");
        for _ in 0..20 {
            deliver_to(&path, b"\nhello\n").unwrap();
        }
        let new = names(&path.join("new"));
        assert_eq!(new.len(), 20);
        let (first, _) = new[0].split_once('.').unwrap();
        assert!(first.parse::<u64>().is_ok());
        assert!(new[0].ends_with(".host.example") && new[0].contains(".V"), "{}", new[0]);
        assert!(names(&path.join("tmp")).is_empty());
        assert!(path.join("cur").is_dir());
        let text = std::fs::read(path.join("new").join(&new[0])).unwrap();
        assert_eq!(text, b"X: y\n\nhello\n");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn quota_and_rules() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("Maildir");
        let limit = Limit {
            bytes: 30,
            inbox_only: false,
            extended: true,
            creates_file: true,
            trash: None,
            bounces: false,
            message: "full".into(),
        };
        let rules = "/subject: away/ DISCARD\n/subject: no/ REJECT\n/subject: list/ MOVE list\n";
        let filter = Filter { file: "x".into(), rules: Some(rules.into()), folders: true };
        let maildir = Maildir { limit: Some(limit), filter: Some(filter), ..maildir(&path) };
        assert_eq!(give(&maildir, b"Subject: away\n\n"), Ok(DISCARDED));
        assert_eq!(give(&maildir, b"Subject: no\n\n").unwrap_err().status, Status::new(5, 0, 0));
        assert_eq!(names(&path.join("tmp")).len(), 0);
        assert!(give(&maildir, b"Subject: list\n\n").is_ok());
        let new = names(&path.join(".list/new"));
        assert!(new.len() == 1 && new[0].ends_with(",S=20"), "{new:?}");
        assert!(path.join(".list/maildirfolder").is_file());
        let size = std::fs::read_to_string(path.join("maildirsize")).unwrap();
        assert_eq!(size, "30S\n0 0\n20 1\n");
        let refusal = give(&maildir, b"Subject: x\n\n").unwrap_err();
        assert_eq!((refusal.status, refusal.text.as_str()), (Status::new(4, 2, 2), "full"));
        assert_eq!(names(&path.join("tmp")).len(), 0);
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("Maildir");
        std::fs::write(&path, "").unwrap();
        let refusal = deliver_to(&path, b"x\n").unwrap_err();
        assert_eq!(refusal.status, Status::new(5, 2, 0));
        assert!(refusal.text.starts_with("create maildir file "), "{}", refusal.text);
        assert!(refusal.text.ends_with(": Not a directory"), "{}", refusal.text);
    }
}
