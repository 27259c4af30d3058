//! Makes and changes indexed files. A file is never changed in place while somebody may read it:
//! the new one is written beside it and renamed, so readers see the old table or the new one.

use std::collections::HashMap;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

#[cfg(feature = "berkdb")]
use super::berkeley::write as berkeley;
use super::fold::fold;
use super::indexed::{self, open_file};
use super::lines::{Report, show};
use super::native::{Flavour, Syntax};
use super::table::{Duplicates, is_utf8};
use crate::config::why;

/// How a table is made.
#[derive(Clone, Copy, Debug)]
pub struct Making {
    /// Fold the case of keys.
    pub fold: bool,
    /// Keys and values must be UTF-8.
    pub utf8: bool,
    /// What a key that is there twice does.
    pub duplicates: Duplicates,
    /// Whether keys and values end in NUL; none: as the type has it.
    pub trailing_nul: Option<bool>,
    /// What the source is.
    pub syntax: Syntax,
    /// Access rights of a new file.
    pub mode: u32,
    /// `lmdb_map_size`
    pub map_size: u64,
    /// `berkeley_db_create_buffer_size`
    pub buffer_size: u64,
}

/// A table being made.
#[derive(Debug)]
pub struct Builder {
    kind: String,
    name: String,
    making: Making,
    records: Vec<Option<(Vec<u8>, Vec<u8>)>>,
    places: HashMap<Vec<u8>, usize, foldhash::fast::RandomState>,
    /// What is to be changed in a file that stays.
    #[cfg(feature = "berkdb")]
    changing: Option<(berkeley::Lock, Vec<berkeley::Change>)>,
}

/// Whether tables of this type can be made.
pub fn can_make(kind: &str) -> bool {
    matches!(kind, "hash" | "btree")
        || (kind == "cdb" && cfg!(feature = "cdb"))
        || (kind == "lmdb" && cfg!(feature = "lmdb"))
}

impl Builder {
    /// An empty table.
    pub fn new(kind: &str, name: &str, making: Making) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            making,
            records: Vec::new(),
            places: HashMap::default(),
            #[cfg(feature = "berkdb")]
            changing: None,
        }
    }

    /// The table as it is, to be changed; an empty one if there is none and `create` is set. The
    /// error is Postfix's text.
    pub fn existing(kind: &str, name: &str, making: Making, create: bool) -> Result<Self, String> {
        if kind == "cdb" {
            return Err("unsupported non-bulk change request".into());
        }
        let mut builder = Self::new(kind, name, making);
        let path = indexed::path(kind, name);
        if create && !path.exists() {
            return Ok(builder);
        }
        let file = builder.open_existing(&path)?;
        let is_ours = matches!(&file, indexed::File::Native(_));
        if let indexed::File::Native(native) = &file {
            builder.making.syntax = native.syntax();
        }
        let mut records = Vec::new();
        file.for_each(|key, value| records.push((key.to_vec(), value.to_vec())))
            .map_err(|why| format!("error reading {}: {why}", path.display()))?;
        // Our own files know lengths, so they do not tell what the others would have.
        let ended = records.first().map(|(key, _)| key.ends_with(&[0])).filter(|_| !is_ours);
        builder.making.trailing_nul = making.trailing_nul.or(ended);
        let has_nul = builder.has_nul();
        for (mut key, mut value) in records {
            for text in [&mut key, &mut value] {
                if text.ends_with(&[0]) != has_nul {
                    match has_nul {
                        true => text.push(0),
                        false => text.truncate(text.len() - 1),
                    }
                }
            }
            builder.insert(key, value);
        }
        Ok(builder)
    }

    /// Opens the file that is to be changed. A Berkeley DB file is locked from here on.
    fn open_existing(&mut self, path: &Path) -> Result<indexed::File, String> {
        #[cfg(feature = "berkdb")]
        if self.is_berkeley() {
            let lock = berkeley::Lock::take(path)?;
            if let Ok(file) = super::berkeley::Berkeley::of_file(lock.file()) {
                self.changing = Some((lock, Vec::new()));
                return Ok(indexed::File::Berkeley(file));
            }
        }
        match open_file(&self.kind, path)? {
            indexed::Found::File(file) => Ok(file),
            indexed::Found::Foreign(what) => {
                Err(format!("open database {}: {what}", path.display()))
            }
        }
    }

    /// Whether the file is, or becomes, a Berkeley DB file.
    fn is_berkeley(&self) -> bool {
        cfg!(feature = "berkdb") && matches!(self.kind.as_str(), "hash" | "btree")
    }

    /// Remembers a change of a file that stays.
    #[cfg(feature = "berkdb")]
    fn remember(&mut self, key: &[u8], value: Option<&[u8]>) {
        if let Some((_, changes)) = &mut self.changing {
            changes.push((key.to_vec(), value.map(<[u8]>::to_vec)));
        }
    }

    #[cfg(not(feature = "berkdb"))]
    fn remember(&mut self, _key: &[u8], _value: Option<&[u8]>) {}

    fn has_nul(&self) -> bool {
        match self.kind.as_str() {
            "lmdb" => self.making.trailing_nul.unwrap_or(true),
            _ if self.is_berkeley() => self.making.trailing_nul.unwrap_or(true),
            "cdb" => self.making.trailing_nul.unwrap_or(false),
            // Our own format knows lengths.
            _ => false,
        }
    }

    /// What stands for the table in warnings about its keys.
    fn title(&self) -> String {
        match self.kind.as_str() {
            "lmdb" => format!("lmdb:{}", self.name),
            "cdb" => self.name.clone(),
            _ => indexed::path(&self.kind, &self.name).display().to_string(),
        }
    }

    fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.places.insert(key.clone(), self.records.len());
        self.records.push(Some((key, value)));
    }

    /// Adds a record. The error is that of `Duplicates::Refuse`.
    pub fn put(&mut self, key: &[u8], value: &[u8], report: &mut Report<'_>) -> Result<(), String> {
        let (kind, name) = (&self.kind, &self.name);
        let bad = "malformed UTF-8 or invalid codepoint";
        if self.making.utf8 && !is_utf8(key) {
            report(format!("{kind}:{name}: non-UTF-8 key \"{}\": {bad}", show(key)));
            return Ok(());
        }
        if self.making.utf8 && !is_utf8(value) {
            report(format!(
                "{kind}:{name}: key \"{}\": non-UTF-8 value \"{}\": {bad}",
                show(key),
                show(value)
            ));
            return Ok(());
        }
        let folded = if self.making.fold { fold(key, self.making.utf8) } else { key.into() };
        let mut stored = folded.into_owned();
        let mut value = value.to_vec();
        if self.has_nul() {
            stored.push(0);
            value.push(0);
        }
        let Some(place) = self.places.get(&stored).copied() else {
            self.remember(&stored, Some(&value));
            self.insert(stored, value);
            return Ok(());
        };
        let duplicate = || {
            let key = stored.strip_suffix(&[0]).unwrap_or(&stored);
            format!("{}: duplicate entry: \"{}\"", self.title(), show(key))
        };
        match self.making.duplicates {
            Duplicates::Replace => {
                self.remember(&stored, Some(&value));
                if let Some(slot) = self.records.get_mut(place) {
                    *slot = Some((stored, value));
                }
            }
            Duplicates::Ignore => {}
            Duplicates::Warn => report(duplicate()),
            Duplicates::Refuse => return Err(duplicate()),
        }
        Ok(())
    }

    /// From now on, a key that is there already gets the new value.
    pub fn replace_from_now_on(&mut self) {
        self.making.duplicates = Duplicates::Replace;
    }

    /// Takes a key out; false if it was not there.
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let folded = if self.making.fold { fold(key, self.making.utf8) } else { key.into() };
        let mut stored = folded.into_owned();
        if self.has_nul() {
            stored.push(0);
        }
        match self.places.remove(&stored) {
            Some(place) => {
                self.remember(&stored, None);
                if let Some(slot) = self.records.get_mut(place) {
                    *slot = None;
                }
                true
            }
            None => false,
        }
    }

    /// Writes the file and puts it in the place of the old one.
    pub fn finish(mut self) -> Result<(), String> {
        let mut path = indexed::path(&self.kind, &self.name);
        if self.kind != "cdb" && path.is_symlink() {
            path = path.canonicalize().unwrap_or(path);
        }
        #[cfg(feature = "berkdb")]
        if let Some((_lock, changes)) = self.changing.take() {
            return self.berkeley().change(&path, &changes).map_err(|why| unwritten(&path, &why));
        }
        let failed = |e: std::io::Error| format!("open database {}: {}", path.display(), why(&e));
        self.records.retain(Option::is_some);
        if self.kind == "btree" {
            self.records.sort_unstable();
        }
        let records = || {
            let records = self.records.iter().flatten();
            records.map(|(key, value)| (key.as_slice(), value.as_slice()))
        };
        let too_large = || format!("error writing {}: File too large", path.display());
        let bytes = match self.kind.as_str() {
            #[cfg(feature = "lmdb")]
            "lmdb" => {
                let new = NewFile::create(&path, self.making.mode, true).map_err(failed)?;
                crate::sys::lmdb::make(new.temporary.path(), self.making.map_size, &records())
                    .map_err(|why| format!("error updating lmdb:{}: {why}", self.name))?;
                return new.publish().map_err(failed);
            }
            #[cfg(feature = "berkdb")]
            "hash" | "btree" => return self.finish_berkeley(&path, records()),
            #[cfg(feature = "cdb")]
            "cdb" => super::cdb::make(records()).ok_or_else(too_large)?,
            kind => {
                let flavour = if kind == "btree" { Flavour::Btree } else { Flavour::Hash };
                super::native::make(flavour, self.making.syntax, records()).ok_or_else(too_large)?
            }
        };
        let keep = self.kind != "cdb";
        let mut new = match NewFile::create(&path, self.making.mode, keep) {
            Ok(new) => new,
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
                // A file that we may write, in a folder that we may not.
                return overwrite(&path, &bytes).map_err(|_| failed(e));
            }
            Err(e) => return Err(failed(e)),
        };
        new.temporary.as_file_mut().write_all(&bytes).map_err(failed)?;
        new.publish().map_err(failed)
    }
}

#[cfg(feature = "berkdb")]
impl Builder {
    fn berkeley(&self) -> berkeley::Making {
        let cache = u32::try_from(self.making.buffer_size).unwrap_or(u32::MAX);
        berkeley::Making { is_btree: self.kind == "btree", cache }
    }

    /// Makes a Berkeley DB file, in a folder that nobody else can look into, and puts it in the
    /// place of the old one while Postfix is kept away from that.
    fn finish_berkeley<'a>(
        &self,
        path: &Path,
        records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("open database {}: {}", path.display(), why(&e));
        let lock = path.exists().then(|| berkeley::Lock::take(path)).transpose()?;
        let mut new = match NewFile::create(path, self.making.mode, true) {
            Ok(new) => new,
            Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied && lock.is_some() => {
                let replaced = self.berkeley().replace(path, records);
                return replaced.map_err(|why| unwritten(path, &why));
            }
            Err(e) => return Err(failed(e)),
        };
        let folder = new.temporary.path().parent().unwrap_or(Path::new("."));
        let folder = tempfile::Builder::new().prefix(".db.").tempdir_in(folder).map_err(failed)?;
        let made = folder.path().join("db");
        self.berkeley().create(&made, records).map_err(|why| unwritten(path, &why))?;
        let mut made = File::open(&made).map_err(failed)?;
        std::io::copy(&mut made, new.temporary.as_file_mut()).map_err(failed)?;
        new.publish().map_err(failed)
    }
}

#[cfg(feature = "berkdb")]
fn unwritten(path: &Path, why: &str) -> String {
    format!("error writing {}: {why}", path.display())
}

/// Writes a file in place. Readers notice a half-written one by its checksum.
fn overwrite(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// A file under a temporary name.
struct NewFile {
    temporary: tempfile::NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Creates it beside `path` with the rights `mode`, or, with `keep`, with the rights and the
    /// owner of the file that it will replace: that one was only ever opened and truncated.
    fn create(path: &Path, mode: u32, keep: bool) -> std::io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(path.file_name().unwrap_or_default());
        prefix.push(".");
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".tmp")
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        let old = path.symlink_metadata().ok().filter(|old| keep && old.is_file());
        if let Some(old) = &old {
            let new = temporary.as_file().metadata()?;
            if (old.uid(), old.gid()) != (new.uid(), new.gid()) && nix::unistd::geteuid().is_root()
            {
                std::os::unix::fs::fchown(temporary.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
        }
        let mode = old.map_or(mode, |old| old.mode() & 0o777);
        temporary.as_file().set_permissions(Permissions::from_mode(mode))?;
        Ok(Self { temporary, path: path.to_owned() })
    }

    /// Puts it in place, on disk.
    fn publish(self) -> std::io::Result<()> {
        self.temporary.as_file().sync_data()?;
        self.temporary.persist(&self.path).map(|_| ()).map_err(|e| e.error)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wait;
    use super::*;
    use crate::lookup::{Purpose, Tables};
    use std::collections::BTreeMap;

    const MAKING: Making = Making {
        fold: true,
        utf8: true,
        duplicates: Duplicates::Warn,
        trailing_nul: None,
        syntax: Syntax::Records,
        mode: 0o640,
        map_size: 1 << 20,
        buffer_size: 1 << 20,
    };

    fn kinds() -> impl Iterator<Item = &'static str> {
        ["hash", "btree", "cdb", "lmdb"].into_iter().filter(|kind| can_make(kind))
    }

    #[test]
    fn made_and_asked() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("t");
        let name = name.to_str().unwrap();
        for kind in kinds() {
            let mut warnings = Vec::new();
            let mut builder = Builder::new(kind, name, MAKING);
            for (key, value) in [("B", "2"), ("a", "1"), ("b", "3")] {
                let report = &mut |text: String| warnings.push(text);
                builder.put(key.as_bytes(), value.as_bytes(), report).unwrap();
            }
            builder.finish().unwrap();
            assert_eq!(warnings.len(), 1);
            assert!(warnings[0].ends_with(": duplicate entry: \"b\""), "{warnings:?}");
            let path = indexed::path(kind, name);
            assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o640);

            let config = crate::config::Config::parse(&crate::config::Sources::default());
            let tables = Tables::new(config.unwrap());
            let table = tables.table(&format!("{kind}:{name}"), Purpose::ADDRESSES);
            assert_eq!(wait(table.lookup(b"b")).unwrap().as_deref(), Some(&b"2"[..]), "{kind}");
            assert_eq!(wait(table.lookup(b"A")).unwrap().as_deref(), Some(&b"1"[..]), "{kind}");
            assert_eq!(wait(table.lookup(b"c")).unwrap(), None, "{kind}");
        }
    }

    #[test]
    fn changed() {
        let directory = tempfile::tempdir().unwrap();
        let name = directory.path().join("t");
        let name = name.to_str().unwrap();
        for kind in kinds().filter(|kind| *kind != "cdb") {
            assert!(Builder::existing(kind, name, MAKING, false).is_err());
            let mut builder = Builder::existing(kind, name, MAKING, true).unwrap();
            for key in ["a", "b", "c"] {
                builder.put(key.as_bytes(), b"1", &mut |_| ()).unwrap();
            }
            builder.finish().unwrap();
            let mut builder = Builder::existing(kind, name, MAKING, false).unwrap();
            assert!(builder.delete(b"B"));
            assert!(!builder.delete(b"B"));
            builder.finish().unwrap();
            let path = indexed::path(kind, name);
            let indexed::Found::File(file) = open_file(kind, &path).unwrap() else {
                panic!("{kind}");
            };
            let mut all = BTreeMap::new();
            file.for_each(|key, value| {
                all.insert(show(key).into_owned(), show(value).into_owned());
            })
            .unwrap();
            assert_eq!(all.len(), 2, "{all:?}");
            std::fs::remove_file(indexed::path(kind, name)).unwrap();
        }
        let error = Builder::existing("cdb", name, MAKING, true).unwrap_err();
        assert_eq!(error, "unsupported non-bulk change request");
    }
}
