//! A file in the maildrop queue. Until it is finished only its owner can read it and pickup takes
//! no notice of it; if it is not finished it goes away.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::config::why;
use crate::log::Log;
use crate::mail::queue_id::QueueId;

/// Attempts to create a file, ten seconds apart, before the submission is given up.
const ATTEMPTS: u32 = 360;

/// A file on its way into the queue.
#[derive(Debug)]
pub(super) struct MaildropFile {
    path: PathBuf,
    id: String,
    output: BufWriter<File>,
    /// The first thing that went wrong while writing.
    failed: Option<io::Error>,
    written: u64,
    limit: u64,
    keep: bool,
}

/// Added to inode numbers: on a small file system too, IDs have the eight characters that tools
/// expect at least.
const SMALL: u64 = 0x1000;

impl MaildropFile {
    /// Creates a file in `maildrop` that has a queue ID for a name. It may hold `limit` bytes;
    /// zero is no limit.
    pub(super) fn create(long_id: bool, limit: u64, log: &Log) -> Result<Self, String> {
        let (temporary, file) = temporary_file(log)?;
        let number = file.metadata().map_err(|e| why(&e))?.ino().saturating_add(SMALL);
        let mut attempt = 0;
        loop {
            let now = crate::sys::now();
            let micros = u32::try_from(now % 1_000_000).unwrap_or_default();
            let id = if long_id {
                QueueId::long(now / 1_000_000, micros, number)
            } else {
                QueueId::short(micros, number)
            };
            let path = Path::new("maildrop").join(id.as_str());
            // The inode number is in the name: no other file has it.
            match std::fs::rename(&temporary, &path) {
                Ok(()) => {
                    return Ok(Self {
                        path,
                        id: id.as_str().to_owned(),
                        output: BufWriter::with_capacity(1 << 16, file),
                        failed: None,
                        written: 0,
                        limit,
                        keep: false,
                    });
                }
                Err(e) if attempt > 1000 => {
                    let _ = std::fs::remove_file(&temporary);
                    let (from, to) = (temporary.display(), path.display());
                    return Err(format!("mail_queue_enter: rename {from} to {to}: {}", why(&e)));
                }
                Err(_) => attempt += 1,
            }
        }
    }

    /// The queue ID.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Appends bytes. After a failure, which `finish` reports, nothing more is written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> bool {
        self.written += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.failed.is_none() && self.limit > 0 && self.written > self.limit {
            self.failed = Some(io::Error::from_raw_os_error(nix::libc::EFBIG));
        }
        if self.failed.is_none() {
            self.failed = self.output.write_all(bytes).err();
        }
        self.failed.is_none()
    }

    /// Puts the file on disk and shows it to pickup.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if let Some(e) = self.failed.take() {
            return Err(e);
        }
        self.output.flush()?;
        let file = self.output.get_ref();
        // The owner's execute bit says that the file is complete; pickup may not be its owner.
        file.set_permissions(std::fs::Permissions::from_mode(0o744))?;
        file.sync_all()?;
        File::open("maildrop").and_then(|directory| directory.sync_all()).or_else(|e| {
            // The folder may be written by everyone, and read by its owner alone.
            if e.kind() == io::ErrorKind::PermissionDenied { Ok(()) } else { Err(e) }
        })?;
        self.keep = true;
        Ok(())
    }
}

impl Drop for MaildropFile {
    fn drop(&mut self) {
        if !self.keep {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn temporary_file(log: &Log) -> Result<(PathBuf, File), String> {
    for attempt in 0.. {
        let micros = crate::sys::now() % 1_000_000;
        let path = PathBuf::from(format!("maildrop/{micros}.{}", std::process::id()));
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).open(&path);
        match file {
            Ok(file) => {
                file.set_permissions(std::fs::Permissions::from_mode(0o644))
                    .map_err(|e| why(&e))?;
                return Ok((path, file));
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => {
                log.warning(format_args!(
                    "mail_queue_enter: create file {}: {}",
                    path.display(),
                    why(&e)
                ));
                crate::log::flush();
                if attempt >= ATTEMPTS {
                    return Err(format!("create file {}: giving up", path.display()));
                }
                std::thread::sleep(std::time::Duration::from_secs(10));
            }
        }
    }
    Err("create file in maildrop: giving up".into())
}
