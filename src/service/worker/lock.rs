//! Locks on mailboxes: `mailbox.lock` files, flock and fcntl, tried again and again.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ipc::worker::Locking;

/// A lock file, removed when it goes out of scope.
#[derive(Debug)]
pub(super) struct DotLock {
    path: PathBuf,
}

impl Drop for DotLock {
    fn drop(&mut self) {
        // If it cannot be removed now, it will be stale one day.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn lock_path(mailbox: &Path) -> PathBuf {
    let mut name = mailbox.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Creates the lock file; the error text names it.
pub(super) fn dotlock(mailbox: &Path, locking: &Locking) -> Result<DotLock, (String, io::Error)> {
    let path = lock_path(mailbox);
    let mut attempt = 1;
    loop {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o000).open(&path);
        let Err(error) = made else { return Ok(DotLock { path }) };
        let exists = error.kind() == io::ErrorKind::AlreadyExists;
        if attempt >= locking.attempts || !exists || !broken_if_stale(&path, locking.stale) {
            let reason = crate::sys::spawn::error_text(&error);
            return Err((
                format!("unable to create lock file {}: {reason}", path.display()),
                error,
            ));
        }
        attempt += 1;
        pause(locking.delay, attempt);
    }
}

/// Removes a lock file older than `stale` seconds; false if that is necessary and impossible.
fn broken_if_stale(path: &Path, stale: u32) -> bool {
    let Ok(found) = std::fs::metadata(path) else { return true };
    let now = i64::try_from(crate::sys::now() / 1_000_000).unwrap_or(i64::MAX);
    if now <= found.ctime().saturating_add(i64::from(stale)) {
        return true;
    }
    match std::fs::remove_file(path) {
        Err(e) => e.kind() == io::ErrorKind::NotFound,
        Ok(()) => true,
    }
}

/// Takes the kernel locks that are asked for; they last as long as `file` is open.
pub(super) fn kernel(file: &File, locking: &Locking) -> io::Result<()> {
    if locking.flock {
        again_and_again(locking, || match file.try_lock() {
            Ok(()) => Ok(()),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(io::Error::from_raw_os_error(libc::EAGAIN))
            }
            Err(std::fs::TryLockError::Error(e)) => Err(e),
        })?;
    }
    if locking.fcntl {
        let whole = libc::flock {
            l_type: i16::try_from(libc::F_WRLCK).unwrap_or(1),
            l_whence: 0,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        again_and_again(locking, || {
            nix::fcntl::fcntl(file, nix::fcntl::FcntlArg::F_SETLK(&whole))?;
            Ok(())
        })?;
    }
    Ok(())
}

fn again_and_again(locking: &Locking, lock: impl Fn() -> io::Result<()>) -> io::Result<()> {
    let mut attempt = 1;
    loop {
        match lock() {
            Err(_) if attempt < locking.attempts => {
                attempt += 1;
                pause(locking.delay, attempt);
            }
            result => return result,
        }
    }
}

/// Waits `delay` seconds, a quarter more or less, so that two that wait do not stay in step.
fn pause(delay: u32, attempt: u32) {
    let base = u64::from(delay) * 750;
    let spread = (u64::from(delay) * 500).max(1);
    let seed = crate::sys::now() ^ u64::from(std::process::id()) << 7 ^ u64::from(attempt) << 3;
    std::thread::sleep(Duration::from_millis(base + seed % spread));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once() -> Locking {
        Locking { attempts: 1, stale: 500, flock: true, fcntl: true, ..Locking::default() }
    }

    #[test]
    fn a_lock_file_keeps_others_out() {
        let dir = tempfile::tempdir().unwrap();
        let mailbox = dir.path().join("mbox");
        let held = dotlock(&mailbox, &once()).unwrap();
        let (text, error) = dotlock(&mailbox, &once()).unwrap_err();
        assert!(text.starts_with("unable to create lock file "), "{text}");
        assert!(text.ends_with("mbox.lock: File exists"), "{text}");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        drop(held);
        assert!(dotlock(&mailbox, &once()).is_ok());
        assert!(!dir.path().join("mbox.lock").exists());
    }

    #[test]
    fn a_kernel_lock_keeps_others_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mbox");
        let (a, b) = (File::create(&path).unwrap(), File::create(&path).unwrap());
        kernel(&a, &once()).unwrap();
        assert_eq!(kernel(&b, &once()).unwrap_err().raw_os_error(), Some(libc::EAGAIN));
    }
}
