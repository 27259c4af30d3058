//! The lock that says that a master runs: `pid/master.pid` below the queue directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Held by the running master.
#[derive(Debug)]
pub struct MasterLock {
    _file: File,
}

/// Why the lock could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another master has it.
    #[error("open lock file {0}: unable to set exclusive lock: Resource temporarily unavailable")]
    Held(PathBuf),
    /// The file cannot be used.
    #[error("open lock file {0}: {1}")]
    Io(PathBuf, io::Error),
}

fn path(queue_directory: &Path) -> PathBuf {
    queue_directory.join("pid/master.pid")
}

impl MasterLock {
    /// Takes the lock and writes the process ID into the file.
    pub fn take(queue_directory: &Path) -> Result<Self, LockError> {
        let path = path(queue_directory);
        let io = |e| LockError::Io(path.clone(), e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(path)),
            Err(TryLockError::Error(e)) => return Err(io(e)),
        }
        let io = |e| LockError::Io(path.clone(), e);
        file.set_len(0).map_err(io)?;
        file.rewind().map_err(io)?;
        writeln!(file, "{:>20}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// Whether a master runs on that queue.
pub fn is_running(queue_directory: &Path) -> bool {
    let Ok(file) = File::open(path(queue_directory)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// The process ID that the lock file names.
pub fn pid_of_master(queue_directory: &Path) -> Option<i32> {
    let mut text = String::new();
    File::open(path(queue_directory)).ok()?.take(64).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|pid| *pid > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_master_only() {
        let queue = tempfile::tempdir().unwrap();
        std::fs::create_dir(queue.path().join("pid")).unwrap();
        assert!(!is_running(queue.path()));
        let lock = MasterLock::take(queue.path()).unwrap();
        assert!(is_running(queue.path()));
        assert!(matches!(MasterLock::take(queue.path()), Err(LockError::Held(_))));
        assert_eq!(pid_of_master(queue.path()), i32::try_from(std::process::id()).ok());
        drop(lock);
        assert!(!is_running(queue.path()));
    }
}
