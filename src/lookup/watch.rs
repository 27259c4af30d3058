//! Notices that the file of a table has changed, for at most one look per second.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Between two looks, in milliseconds.
const PAUSE: u64 = 1000;
/// A text that is still being written is waited for so often.
const PATIENCE: u32 = 10;
/// A table that a program holds the lock of is waited for longer.
const PATIENCE_WITH_PROGRAMS: u32 = 600;

/// The files of one table, and how they looked when they were read.
#[derive(Debug)]
pub struct Watch {
    paths: Vec<PathBuf>,
    /// Whether the files are written in place by people, rather than renamed by programs.
    text: bool,
    next: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    looks: Vec<Look>,
    waited: u32,
}

/// What tells one version of a file from another; none: there is no such file.
type Look = Option<(u64, u64, u64, i64, i64)>;

fn look(path: &Path) -> Look {
    let of = |file: std::fs::Metadata| {
        (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec())
    };
    std::fs::metadata(path).ok().map(of)
}

/// Milliseconds since the first call, by a clock that does not jump.
fn clock() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let passed = START.get_or_init(Instant::now).elapsed();
    u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
}

impl Watch {
    /// Watches `paths` from now on. Call this before they are read.
    pub fn new(paths: Vec<PathBuf>, text: bool) -> Self {
        let looks = paths.iter().map(|path| look(path)).collect();
        let seen = Mutex::new(Seen { looks, waited: 0 });
        Self { paths, text, next: AtomicU64::new(clock() + PAUSE), seen }
    }

    /// The files.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Whether it is time for a look; true for one caller only.
    pub fn is_due(&self) -> bool {
        let (now, next) = (clock(), self.next.load(Ordering::Relaxed));
        now >= next
            && self
                .next
                .compare_exchange(next, now + PAUSE, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Whether a file is not what it was at the last call that said so.
    pub fn has_changed(&self) -> bool {
        let looks: Vec<Look> = self.paths.iter().map(|path| look(path)).collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looks == looks {
            return false;
        }
        let (patience, unfinished): (u32, fn(&Path) -> bool) = match self.text {
            true => (PATIENCE, is_hot),
            false => (PATIENCE_WITH_PROGRAMS, is_locked),
        };
        if seen.waited < patience && self.paths.iter().any(|path| unfinished(path)) {
            seen.waited += 1;
            return false;
        }
        *seen = Seen { looks, waited: 0 };
        true
    }
}

/// Whether the file changed within the last second: somebody may still be writing.
fn is_hot(path: &Path) -> bool {
    let changed = std::fs::metadata(path).and_then(|file| file.modified());
    let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
    age.is_some_and(|age| age < Duration::from_secs(1))
}

/// Whether somebody is writing: Postfix's postmap(1) changes Berkeley DB files in place.
fn is_locked(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, Errno::EWOULDBLOCK)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_changes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        let watch = Watch::new(vec![path.clone()], false);
        assert!(!watch.has_changed());
        std::fs::write(&path, "a").unwrap();
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
        std::fs::write(&path, "ab").unwrap();
        let lock = Flock::lock(File::open(&path).unwrap(), FlockArg::LockExclusive).unwrap();
        assert!(!watch.has_changed(), "somebody is writing");
        drop(lock);
        assert!(watch.has_changed());
        assert!(!watch.is_due());
    }
}
