//! Files of tables, opened with whatever rights there are.
//!
//! qmgr takes a new configuration over while it lives, long after it has given up root's rights
//! and all folders that the old configuration did not name. master, which has not, opens the
//! files that the new one names, and lends the descriptors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

static LENT: RwLock<BTreeMap<PathBuf, File>> = RwLock::new(BTreeMap::new());

/// From now on these files count as readable; those that were lent before no longer do.
pub fn lend(files: impl IntoIterator<Item = (PathBuf, OwnedFd)>) {
    let files = files.into_iter().map(|(path, descriptor)| (path, File::from(descriptor)));
    *LENT.write().unwrap_or_else(PoisonError::into_inner) = files.collect();
}

/// Opens a file to read it, by position only: others may read the same descriptor.
pub fn open(path: &Path) -> io::Result<File> {
    match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => lent(path).ok_or(e),
        result => result,
    }
}

/// Reads the whole of a file.
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    match std::fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => match lent(path) {
            Some(file) => whole(&file),
            None => Err(e),
        },
        result => result,
    }
}

/// The log file, open for appending, if it was lent.
pub fn log(path: &Path) -> Option<File> {
    lent(path)
}

/// Everything in a file, by position.
pub(super) fn whole(file: &File) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// The file that was lent under this path, if it still is the one that lies there, as far as this
/// process may know.
fn lent(path: &Path) -> Option<File> {
    let lent = LENT.read().unwrap_or_else(PoisonError::into_inner);
    let file = lent.get(path)?;
    let here = file.metadata().ok()?;
    let same = match std::fs::metadata(path) {
        Ok(there) => (here.dev(), here.ino()) == (there.dev(), there.ino()),
        Err(e) => e.kind() == io::ErrorKind::PermissionDenied,
    };
    if same { file.try_clone().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_lent_as_long_as_it_lies_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        std::fs::write(&path, "a b\n").unwrap();
        lend([(path.clone(), File::open(&path).unwrap().into())]);
        assert_eq!(whole(&lent(&path).unwrap()).unwrap(), b"a b\n");
        assert_eq!(whole(&lent(&path).unwrap()).unwrap(), b"a b\n", "it can be read again");
        std::fs::write(folder.path().join("new"), "c d\n").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(lent(&path).is_none());
    }
}
