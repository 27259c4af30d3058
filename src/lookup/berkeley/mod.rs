//! Berkeley DB files, read without the library: `hash:` and `btree:` tables that Postfix made.
//!
//! What there is to know about the formats (versions 4.x to 6.x of the library write the same
//! pages): a file is an array of pages. The first one says how large they are, of which kind the
//! file is, and where its records begin. Every other page has a header of 26 bytes, then the places
//! of its items, in order; the items themselves stand at its end. An item that is too long for a
//! page lies in a chain of overflow pages.
//!
//! Nothing in such a file is believed: every place is checked, every chain is bounded by the number
//! of pages.

mod btree;
mod hash;
mod page;
#[cfg(feature = "berkdb")]
pub mod write;

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use super::lent;
use super::source::{IN_MEMORY, ReadError, Source};
use page::{Meta, Pages};

/// An open file.
#[derive(Debug)]
pub struct Berkeley {
    pages: Pages,
    kind: Kind,
    /// For files that are read piece by piece: held, and locked, during a look-up.
    lock: Option<Mutex<File>>,
}

#[derive(Debug)]
enum Kind {
    Hash(hash::Hash),
    Btree(btree::Btree),
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BerkeleyError {
    /// It is of another format.
    #[error("not a Berkeley DB file")]
    Foreign,
    /// It is a Berkeley DB file, but not of the sort that tables are.
    #[error("a Berkeley DB file {0}, which cannot be read")]
    Unsupported(&'static str),
    /// Another program is changing it.
    #[error("another program holds its lock")]
    Locked,
    /// It is not whole.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Berkeley {
    /// Opens the file at `path`. Whoever writes to it holds its lock, as Postfix does; that is
    /// waited for, but not for long.
    pub fn open(path: &Path) -> Result<Self, BerkeleyError> {
        let file = lent::open(path).map_err(ReadError::Io)?;
        let _locked = Locked::wait(&file)?;
        let mut berkeley = Self::of_file(&file)?;
        if berkeley.pages.is_on_disk() {
            berkeley.lock = Some(Mutex::new(file.try_clone().map_err(ReadError::Io)?));
        }
        Ok(berkeley)
    }

    /// Takes an open file for a Berkeley DB file that nobody writes to meanwhile.
    pub fn of_file(file: &File) -> Result<Self, BerkeleyError> {
        let length = file.metadata().map_err(ReadError::Io)?.len();
        Self::new(match length > IN_MEMORY {
            true => Source::File(file.try_clone().map_err(ReadError::Io)?, length),
            false => Source::Memory(lent::whole(file).map_err(ReadError::Io)?.into()),
        })
    }

    /// Takes the bytes of a file for a Berkeley DB file.
    pub fn new(source: Source) -> Result<Self, BerkeleyError> {
        let (meta, pages) = Meta::read(source)?;
        let kind = match meta.is_btree {
            true => Kind::Btree(btree::Btree::new(&meta, &pages)?),
            false => Kind::Hash(hash::Hash::new(&meta, &pages)?),
        };
        Ok(Self { pages, kind, lock: None })
    }

    /// The value for `key`, byte for byte: Postfix's keys and values end in NUL.
    pub fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, BerkeleyError> {
        self.locked(|| match &self.kind {
            Kind::Hash(hash) => hash.find(&self.pages, key),
            Kind::Btree(btree) => btree.find(&self.pages, key),
        })
    }

    /// All records, in the order in which the library gives them.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), BerkeleyError> {
        // Every byte belongs to one record: a file in which chains are used more than once would
        // give more than it has.
        let mut left = self.pages.length();
        let mut within = |key: &[u8], value: &[u8]| {
            let length = u64::try_from(key.len() + value.len()).unwrap_or(u64::MAX);
            left = left.checked_sub(length).ok_or(ReadError::Damaged)?;
            visit(key, value);
            Ok(())
        };
        self.locked(|| match &self.kind {
            Kind::Hash(hash) => hash.for_each(&self.pages, &mut within),
            Kind::Btree(btree) => btree.for_each(&self.pages, &mut within),
        })
    }

    /// Runs `read` while nobody writes.
    fn locked<T>(&self, read: impl FnOnce() -> Result<T, ReadError>) -> Result<T, BerkeleyError> {
        let file =
            self.lock.as_ref().map(|file| file.lock().unwrap_or_else(PoisonError::into_inner));
        let _locked = file.as_deref().map(Locked::wait).transpose()?;
        Ok(read()?)
    }
}

/// How many records there are in the bytes of a file, if they can be read: for tests that try any
/// bytes.
pub fn count(bytes: &[u8]) -> Result<usize, BerkeleyError> {
    let file = Berkeley::new(Source::Memory(bytes.into()))?;
    file.find(b"key")?;
    let mut count = 0;
    file.for_each(|_, _| count += 1)?;
    Ok(count)
}

/// What is done with each record.
type Visit<'v> = dyn FnMut(&[u8], &[u8]) -> Result<(), ReadError> + 'v;

/// The lock that says that somebody reads.
struct Locked {
    _lock: Option<Flock<File>>,
}

impl Locked {
    /// Between two attempts.
    const PAUSE: Duration = Duration::from_millis(5);
    /// Postfix waits for ever; a process with many sessions must not.
    const ATTEMPTS: u32 = 100;

    fn wait(file: &File) -> Result<Self, BerkeleyError> {
        let mut file = file.try_clone().map_err(ReadError::Io)?;
        for _ in 0..Self::ATTEMPTS {
            match Flock::lock(file, FlockArg::LockSharedNonblock) {
                Ok(lock) => return Ok(Self { _lock: Some(lock) }),
                Err((back, nix::errno::Errno::EWOULDBLOCK)) => file = back,
                // A file system without locks: whoever writes there has none either.
                Err(_) => return Ok(Self { _lock: None }),
            }
            std::thread::sleep(Self::PAUSE);
        }
        Err(BerkeleyError::Locked)
    }
}

#[cfg(test)]
mod tests;
