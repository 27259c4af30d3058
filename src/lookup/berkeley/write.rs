//! Berkeley DB files are made and changed with the library, so that Postfix's is sure to read them.
//!
//! A new file takes the place of the old one by renaming. One that is changed stays the file that
//! it is, as in Postfix: its lock is held from before it is read until it is written.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::config::why;
use crate::sys::berkeley::{Opening, Writer};

/// A record as it stands in the file, or a key whose record is to go.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// The lock of a file that is about to be changed.
#[derive(Debug)]
pub struct Lock(Flock<File>);

impl Lock {
    /// Between two attempts.
    const PAUSE: Duration = Duration::from_millis(20);
    /// About two minutes.
    const ATTEMPTS: u32 = 6000;

    /// Waits for the lock of the file at `path`. The error is for the log.
    pub fn take(path: &Path) -> Result<Self, String> {
        let failed = |why: &str| format!("lock {}: {why}", path.display());
        let open = File::options().read(true).write(true).open(path);
        let mut file =
            open.map_err(|e| format!("open database {}: {}", path.display(), why(&e)))?;
        for _ in 0..Self::ATTEMPTS {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Self(lock)),
                Err((back, Errno::EWOULDBLOCK)) => file = back,
                Err((_, e)) => return Err(failed(e.desc())),
            }
            std::thread::sleep(Self::PAUSE);
        }
        Err(failed("another program has held it for two minutes"))
    }

    /// The file, to read it.
    pub fn file(&self) -> &File {
        &self.0
    }
}

/// How files are made.
#[derive(Clone, Copy, Debug)]
pub struct Making {
    /// `btree:`, else `hash:`
    pub is_btree: bool,
    /// `berkeley_db_create_buffer_size`
    pub cache: u32,
}

impl Making {
    /// Makes a new file at `path`, where there must be none.
    pub fn create<'a>(
        self,
        path: &Path,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), String> {
        self.fill(path, Opening::Create, records)
    }

    /// Puts records in the place of all that are in the file.
    pub fn replace<'a>(
        self,
        path: &Path,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), String> {
        self.fill(path, Opening::Truncate, records)
    }

    fn fill<'a>(
        self,
        path: &Path,
        how: Opening,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), String> {
        let mut writer = Writer::open(&absolute(path)?, self.is_btree, how, self.cache)?;
        for (key, value) in records {
            writer.put(key, value)?;
        }
        writer.close()
    }

    /// Changes records of a file whose lock the caller holds.
    pub fn change(self, path: &Path, changes: &[Change]) -> Result<(), String> {
        let mut writer =
            Writer::open(&absolute(path)?, self.is_btree, Opening::Change, self.cache)?;
        for (key, value) in changes {
            match value {
                Some(value) => writer.put(key, value)?,
                None => writer.delete(key)?,
            }
        }
        writer.close()
    }
}

/// The library takes other names for those of files in its own folder.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| why(&e))
}
