//! LMDB files through heed. Opening one is `unsafe` because its memory is the file: whoever
//! changes the file behind the library's back changes memory. Files are replaced by renaming
//! (postmap does), so the one that is open never changes.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, MdbError, WithoutTls};

/// What went wrong, in LMDB's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LmdbError(String);

impl From<heed::Error> for LmdbError {
    fn from(error: heed::Error) -> Self {
        let text = error.to_string();
        Self(match text.rsplit_once(" (os error ") {
            Some((text, _)) => text.to_owned(),
            None => text,
        })
    }
}

/// An open file and its one, unnamed database.
struct Open {
    env: Env<WithoutTls>,
    records: Option<Database<'static, Bytes, Bytes>>,
    /// Device and inode: another file of the same name is another file.
    identity: (u64, u64),
}

/// A file that is read. There is at most one of each path in a process, as LMDB demands.
pub struct Lmdb {
    path: PathBuf,
    open: RwLock<Result<Open, LmdbError>>,
}

static FILES: LazyLock<Mutex<HashMap<PathBuf, Weak<Lmdb>>>> = LazyLock::new(Mutex::default);

/// `MDB_MAGIC`, behind the page header of the first page.
const MAGIC: [u8; 4] = 0xBEEF_C0DE_u32.to_ne_bytes();

impl Lmdb {
    /// Opens the file at `path` for reading, or opens it again if it has been replaced.
    pub fn open(path: &Path) -> Result<Arc<Self>, LmdbError> {
        // Before LMDB sees it, so that what is no LMDB file does not replace one that is open.
        check(path)?;
        let key = path.canonicalize().map_err(heed::Error::Io)?;
        let mut files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = files.get(&key).and_then(Weak::upgrade) {
            known.follow()?;
            return Ok(known);
        }
        let open = open(&key)?;
        let lmdb = Arc::new(Self { path: key.clone(), open: RwLock::new(Ok(open)) });
        files.retain(|_, file| file.strong_count() > 0);
        files.insert(key, Arc::downgrade(&lmdb));
        Ok(lmdb)
    }

    /// Opens the file again if another one has its name now.
    fn follow(&self) -> Result<(), LmdbError> {
        let mut slot = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Ok(open) = &*slot
            && Some(open.identity) == identity(&self.path)
        {
            return Ok(());
        }
        let closed = Err(LmdbError("being replaced".into()));
        if let Ok(old) = std::mem::replace(&mut *slot, closed) {
            old.env.prepare_for_closing().wait_timeout(Duration::from_secs(5));
        }
        *slot = open(&self.path);
        slot.as_ref().map(|_| ()).map_err(Clone::clone)
    }

    /// The value for `key`.
    pub fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, LmdbError> {
        // LMDB calls an empty or a very long key an error; here it is a key that is not there.
        if key.is_empty() || key.len() > 511 {
            return Ok(None);
        }
        let slot = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = slot.as_ref().map_err(Clone::clone)?;
        let Some(records) = &open.records else {
            return Ok(None);
        };
        let transaction = open.env.read_txn()?;
        Ok(records.get(&transaction, key)?.map(<[u8]>::to_vec))
    }

    /// All records in the order of their keys.
    pub fn for_each(&self, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), LmdbError> {
        let slot = self.open.read().unwrap_or_else(PoisonError::into_inner);
        let open = slot.as_ref().map_err(Clone::clone)?;
        if let Some(records) = &open.records {
            let transaction = open.env.read_txn()?;
            for record in records.iter(&transaction)? {
                let (key, value) = record?;
                visit(key, value);
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Lmdb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lmdb({})", self.path.display())
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Whether the file begins as LMDB files do. An empty one is taken for an empty database.
fn check(path: &Path) -> Result<(), LmdbError> {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::open(path).map_err(heed::Error::Io)?;
    let mut magic = [0; 4];
    match file.read_exact_at(&mut magic, 16) {
        Ok(()) if magic == MAGIC => Ok(()),
        _ => Err(heed::Error::Mdb(MdbError::Invalid).into()),
    }
}

fn open(path: &Path) -> Result<Open, LmdbError> {
    let identity = identity(path).unwrap_or_default();
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    // SAFETY: read-only and unlocked is sound as long as nobody writes to the file while it is
    // open; writers of ours put another file in its place.
    let env = unsafe {
        options.flags(EnvFlags::NO_SUB_DIR | EnvFlags::NO_LOCK | EnvFlags::READ_ONLY).open(path)?
    };
    let transaction = env.read_txn()?;
    let records = env
        .open_databases_and_commit(transaction, |opener, transaction| {
            opener.open_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        })?
        .unwrap_commit();
    Ok(Open { env, records, identity })
}

/// Makes a new file at `path` of `records`. `size` is how large the map is at first
/// (`lmdb_map_size`); it grows as needed.
pub fn make<'a>(
    path: &Path,
    size: u64,
    records: &(impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone),
) -> Result<(), LmdbError> {
    const PAGE: usize = 65536;
    let mut size = usize::try_from(size).unwrap_or(PAGE).next_multiple_of(PAGE).max(PAGE);
    loop {
        match try_make(path, size, records.clone()) {
            Err(heed::Error::Mdb(MdbError::MapFull)) => {
                size = size.saturating_mul(2);
                std::fs::File::options()
                    .write(true)
                    .truncate(true)
                    .open(path)
                    .map_err(heed::Error::Io)?;
            }
            result => return result.map_err(LmdbError::from),
        }
    }
}

fn try_make<'a>(
    path: &Path,
    size: usize,
    records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), heed::Error> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    // SAFETY: the file is new, under a name that nobody else uses.
    let env = unsafe {
        options.map_size(size).flags(EnvFlags::NO_SUB_DIR | EnvFlags::NO_LOCK).open(path)?
    };
    let transaction = env.write_txn()?;
    let database: Database<'_, Bytes, Bytes> = env
        .create_databases_and_commit(transaction, |opener, transaction| {
            opener.create_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        })?
        .unwrap_commit();
    let mut transaction = env.write_txn()?;
    for (key, value) in records {
        database.put(&mut transaction, key, value)?;
    }
    transaction.commit()?;
    env.prepare_for_closing().wait_timeout(Duration::from_secs(5));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs<'a>(
        records: &'a [(&'a str, String)],
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone {
        records.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()))
    }

    #[test]
    fn written_read_and_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (path, new) = (directory.path().join("t.lmdb"), directory.path().join("n"));
        make(&path, 0, &pairs(&[("b", "2".into()), ("a", "1".repeat(400_000))])).unwrap();
        let lmdb = Lmdb::open(&path).unwrap();
        assert_eq!(lmdb.find(b"b").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(lmdb.find(b"c").unwrap(), None);
        assert_eq!(lmdb.find(b"").unwrap(), None);
        let mut keys = Vec::new();
        lmdb.for_each(|key, _| keys.push(key.to_vec())).unwrap();
        assert_eq!(keys, [b"a", b"b"]);

        make(&new, 0, &pairs(&[("b", "3".into())])).unwrap();
        std::fs::rename(&new, &path).unwrap();
        let again = Lmdb::open(&path).unwrap();
        assert!(Arc::ptr_eq(&lmdb, &again));
        assert_eq!(lmdb.find(b"b").unwrap().as_deref(), Some(&b"3"[..]));

        std::fs::write(&new, "nonsense").unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert!(Lmdb::open(&path).is_err());
        assert_eq!(lmdb.find(b"b").unwrap().as_deref(), Some(&b"3"[..]));
    }

    #[test]
    fn missing() {
        let error = Lmdb::open(Path::new("/no/such.lmdb")).unwrap_err();
        assert_eq!(error.to_string(), "No such file or directory");
    }
}
