//! Appending to a mailbox or another file: lock, open, append, sync; back to the old length if
//! anything goes wrong.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::copy::{Body, CopyError, copy};
use super::lock::{self, DotLock};
use super::{mailbox_status, refused, safe_open};
use crate::ipc::worker::{Mailbox, MailboxKind, Refusal};
use crate::mail::status::Status;

/// A mailbox that is open and locked. Locks go when this goes.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    metadata: Metadata,
    _dotlock: Option<DotLock>,
}

impl Opened {
    /// A mailbox that somebody else opened and locked.
    pub(super) fn received(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { file, metadata, _dotlock: None })
    }
}

/// Locks and opens the file; one that is created is given to `owner`.
pub(super) fn open(
    mailbox: &Mailbox,
    owner: Option<(u32, u32)>,
    warnings: &mut Vec<String>,
) -> Result<Opened, Refusal> {
    let path = Path::new(&mailbox.path);
    let dotlock = dotlock(mailbox, warnings)?;
    let (file, mut metadata) = safe_open::append(path, owner).map_err(|e| Refusal {
        access_denied: e.error.raw_os_error() == Some(libc::EACCES),
        ..Refusal::new(mailbox_status(&e.error, mailbox.default_status), e.text)
    })?;
    if metadata.is_file() {
        lock::kernel(&file, &mailbox.locking).map_err(|e| {
            refused("unable to lock for exclusive access", &e, mailbox.default_status)
        })?;
        // A POP server may have replaced the file while we waited for the lock.
        match file.metadata() {
            Ok(now) if now.nlink() == 1 => metadata = now,
            _ => {
                warnings.push(format!("{}: file status changed unexpectedly", mailbox.path));
                let text = "target file status changed unexpectedly";
                return Err(Refusal::new(Status::new(4, 2, 0), text));
            }
        }
    }
    Ok(Opened { file, metadata, _dotlock: dotlock })
}

/// The lock file, where there is to be one: not beside a device.
fn dotlock(mailbox: &Mailbox, warnings: &mut Vec<String>) -> Result<Option<DotLock>, Refusal> {
    let path = Path::new(&mailbox.path);
    let wanted = mailbox.locking.dotlock && std::fs::metadata(path).map_or(true, |m| m.is_file());
    if !wanted {
        return Ok(None);
    }
    match lock::dotlock(path, &mailbox.locking) {
        Ok(lock) => Ok(Some(lock)),
        Err((text, error)) if error.kind() == io::ErrorKind::AlreadyExists => {
            let _ = error;
            Err(Refusal::new(Status::new(4, 2, 0), text))
        }
        Err((text, _)) if mailbox.locking.dotlock_may_fail => {
            warnings.push(text);
            Ok(None)
        }
        Err((text, error)) => {
            Err(Refusal::new(mailbox_status(&error, mailbox.default_status), text))
        }
    }
}

/// Appends the content, and says where it begins. Whatever part of it was not needed is still on
/// the socket.
pub(super) fn append<R: Read>(
    mailbox: &Mailbox,
    opened: &Opened,
    body: &mut Body<'_, R>,
    warnings: &mut Vec<String>,
) -> Result<Result<u64, Refusal>, CopyError> {
    let Opened { file, metadata, .. } = opened;
    if let Err(refusal) = acceptable(mailbox, metadata, warnings) {
        return Ok(Err(refusal));
    }
    let regular = metadata.is_file();
    let before = metadata.len();
    let done = match copy(&mailbox.copy, body, file) {
        Ok(()) if regular => file.sync_all(),
        Ok(()) => Ok(()),
        Err(CopyError::Write(e)) => Err(e),
        Err(CopyError::Parent) => {
            let _ = file.set_len(before);
            return Err(CopyError::Parent);
        }
    };
    Ok(done.map(|()| before).map_err(|e| {
        if regular {
            // What is half there must go; if even this fails, the reader sees a torn message.
            let _ = file.set_len(before);
        }
        write_failed(&e)
    }))
}

/// The refusal for a write that failed.
pub(super) fn write_failed(error: &io::Error) -> Refusal {
    Refusal {
        diagnostic: Some("input/output error".into()),
        ..refused("error writing message", error, Status::new(5, 3, 0))
    }
}

/// Whether mail may be appended to a file like this.
fn acceptable(
    mailbox: &Mailbox,
    metadata: &Metadata,
    warnings: &mut Vec<String>,
) -> Result<(), Refusal> {
    let path = &mailbox.path;
    match &mailbox.kind {
        MailboxKind::Destination if metadata.is_file() && metadata.mode() & 0o111 != 0 => {
            Err(Refusal::new(Status::new(5, 7, 1), "file is executable"))
        }
        MailboxKind::Destination => Ok(()),
        MailboxKind::User { .. } if !metadata.is_file() => {
            let text = format!("destination {path} is not a regular file");
            Err(Refusal::new(Status::new(5, 2, 0), text))
        }
        MailboxKind::Virtual { recipient, .. } if !metadata.is_file() => {
            warnings
                .push(format!("recipient {recipient}: destination {path} is not a regular file"));
            Err(Refusal::new(Status::new(5, 3, 5), "mail system configuration error"))
        }
        MailboxKind::User { owner } | MailboxKind::Virtual { owner, .. } => match owner {
            Some(owner) if metadata.uid() != *owner => {
                warnings.push(
                    "specify \"strict_mailbox_ownership = no\" to ignore mailbox ownership mismatch"
                        .into(),
                );
                let text = format!("destination {path} is not owned by recipient");
                Err(Refusal::new(Status::new(4, 2, 0), text))
            }
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::worker::{Copy, Locking};

    fn mailbox(path: &Path) -> Mailbox {
        Mailbox {
            path: path.to_str().unwrap().into(),
            copy: Copy { prefix: b"From x\n".to_vec(), blank_line: true, ..Copy::default() },
            locking: Locking { flock: true, dotlock: true, attempts: 1, ..Locking::default() },
            kind: MailboxKind::User { owner: None },
            default_status: Status::new(5, 2, 0),
            opened_by_parent: false,
            spool_group: None,
            size_limit: None,
        }
    }

    fn deliver(mailbox: &Mailbox, content: &[u8]) -> Result<u64, Refusal> {
        let mut warnings = Vec::new();
        let opened = open(mailbox, None, &mut warnings)?;
        let mut from = content;
        let mut body = Body { from: &mut from, left: content.len() as u64 };
        append(mailbox, &opened, &mut body, &mut warnings).unwrap()
    }

    #[test]
    fn appends_whole_messages() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mbox");
        assert_eq!(deliver(&mailbox(&path), b"one\n"), Ok(0));
        assert_eq!(deliver(&mailbox(&path), b"two\n"), Ok(12));
        assert_eq!(std::fs::read(&path).unwrap(), b"From x\none\n\nFrom x\ntwo\n\n");
        assert!(!dir.path().join("mbox.lock").exists());
    }

    #[test]
    fn refuses_what_it_must() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mbox");
        deliver(&mailbox(&path), b"one\n").unwrap();
        let other =
            Mailbox { kind: MailboxKind::User { owner: Some(u32::MAX - 1) }, ..mailbox(&path) };
        let refusal = deliver(&other, b"x").unwrap_err();
        assert_eq!(refusal.status, Status::new(4, 2, 0));
        assert!(refusal.text.ends_with("is not owned by recipient"));
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&path, mode).unwrap();
        let program = Mailbox { kind: MailboxKind::Destination, ..mailbox(&path) };
        assert_eq!(deliver(&program, b"x").unwrap_err().text, "file is executable");
        assert!(
            deliver(
                &Mailbox { kind: MailboxKind::Destination, ..mailbox("/dev/null".as_ref()) },
                b"x"
            )
            .is_ok()
        );
        let device = deliver(&mailbox("/dev/null".as_ref()), b"x").unwrap_err();
        assert_eq!(device.text, "destination /dev/null is not a regular file");
        std::fs::write(dir.path().join("mbox.lock"), "").unwrap();
        let locked = deliver(&mailbox(&path), b"x").unwrap_err();
        assert_eq!(locked.status, Status::new(4, 2, 0));
    }

    #[test]
    fn a_lost_parent_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mbox");
        deliver(&mailbox(&path), b"one\n").unwrap();
        let before = std::fs::read(&path).unwrap();
        let opened = open(&mailbox(&path), None, &mut Vec::new()).unwrap();
        let content = vec![b'x'; 700_000];
        let mut from = content.as_slice();
        let mut body = Body { from: &mut from, left: 1_000_000 };
        assert!(append(&mailbox(&path), &opened, &mut body, &mut Vec::new()).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
