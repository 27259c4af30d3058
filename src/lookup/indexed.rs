//! Tables that postmap(1) and postalias(1) make from text: hash, btree, cdb, lmdb.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use super::berkeley::{Berkeley, BerkeleyError};
#[cfg(feature = "cdb")]
use super::cdb::Cdb;
use super::hash::HashTable;
use super::lines::Report;
use super::native::{Native, OpenError, Syntax};
use super::source::Source;
use super::table::{Duplicates, Engine, Purpose};
use crate::config::why;
#[cfg(feature = "lmdb")]
use crate::sys::lmdb::Lmdb;

/// An open indexed file.
#[derive(Debug)]
pub(super) struct Indexed {
    file: File,
    /// For messages.
    path: String,
    /// Which forms of keys are tried, see [`WITH_NUL`]; what an answer shows is remembered.
    forms: AtomicU8,
}

/// Keys and values end in NUL.
const WITH_NUL: u8 = 1;
/// They do not.
const WITHOUT_NUL: u8 = 2;

/// The file formats.
#[derive(Debug)]
pub(super) enum File {
    /// hash, btree
    Native(Native),
    /// hash, btree that Postfix made, or we with `berkdb`
    Berkeley(Berkeley),
    /// cdb
    #[cfg(feature = "cdb")]
    Cdb(Cdb),
    /// lmdb
    #[cfg(feature = "lmdb")]
    Lmdb(std::sync::Arc<Lmdb>),
}

impl File {
    fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        match self {
            Self::Native(file) => {
                file.find(key).map(|value| value.map(Into::into)).map_err(|e| e.to_string())
            }
            Self::Berkeley(file) => file.find(key).map_err(|e| e.to_string()),
            #[cfg(feature = "cdb")]
            Self::Cdb(file) => {
                file.find(key).map(|value| value.map(Into::into)).map_err(|e| e.to_string())
            }
            #[cfg(feature = "lmdb")]
            Self::Lmdb(file) => file.find(key).map_err(|e| e.to_string()),
        }
    }

    /// All records as the file has them.
    pub(super) fn for_each(&self, visit: impl FnMut(&[u8], &[u8])) -> Result<(), String> {
        match self {
            Self::Native(file) => file.for_each(visit).map_err(|e| e.to_string()),
            Self::Berkeley(file) => file.for_each(visit).map_err(|e| e.to_string()),
            #[cfg(feature = "cdb")]
            Self::Cdb(file) => file.for_each(visit).map_err(|e| e.to_string()),
            #[cfg(feature = "lmdb")]
            Self::Lmdb(file) => file.for_each(visit).map_err(|e| e.to_string()),
        }
    }
}

impl Indexed {
    /// The value for `key`, which is folded already.
    pub(super) fn find(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let error = |why| format!("error reading {}: {why}", self.path);
        let forms = self.forms.load(Ordering::Relaxed);
        if matches!(self.file, File::Native(_)) {
            return self.file.find(key).map_err(error);
        }
        if forms & WITH_NUL != 0 {
            let mut ended = Vec::with_capacity(key.len() + 1);
            ended.extend_from_slice(key);
            ended.push(0);
            if let Some(mut value) = self.file.find(&ended).map_err(error)? {
                self.forms.store(WITH_NUL, Ordering::Relaxed);
                value.truncate(memchr::memchr(0, &value).unwrap_or(value.len()));
                return Ok(Some(value));
            }
        }
        if forms & WITHOUT_NUL != 0
            && let Some(value) = self.file.find(key).map_err(error)?
        {
            self.forms.store(WITHOUT_NUL, Ordering::Relaxed);
            return Ok(Some(value));
        }
        Ok(None)
    }

    /// What the log should know of the file, once.
    pub(super) fn remark(&self) -> Option<String> {
        let is_foreign = matches!(self.file, File::Berkeley(_)) && !cfg!(feature = "berkdb");
        is_foreign.then(|| {
            let path = &self.path;
            format!(
                "{path} is a Berkeley DB file, its records are used as they are; postmap(1) or \
                 newaliases(1) puts a file of our own format in its place"
            )
        })
    }

    /// All records, without the NUL that keys and values may end in.
    pub(super) fn for_each(&self, visit: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String> {
        let cut = |text: &'_ [u8]| memchr::memchr(0, text).unwrap_or(text.len());
        self.file.for_each(|key, value| {
            let (key, value) = (key.get(..cut(key)), value.get(..cut(value)));
            visit(key.unwrap_or_default(), value.unwrap_or_default());
        })
    }
}

/// The file behind `kind:name`.
pub fn path(kind: &str, name: &str) -> PathBuf {
    let suffix = match kind {
        "hash" | "btree" => "db",
        other => other,
    };
    format!("{name}.{suffix}").into()
}

/// What lies where the file of a table is expected.
#[derive(Debug)]
pub(super) enum Found {
    /// A file that can be read.
    File(File),
    /// One of another program, and what is known of it (`hash:` only).
    Foreign(String),
}

/// Opens the file of a table. The error is Postfix's text.
pub(super) fn open_file(kind: &str, path: &Path) -> Result<Found, String> {
    let failed = |why: &str| format!("open database {}: {why}", path.display());
    match kind {
        #[cfg(feature = "cdb")]
        "cdb" => {
            let source = Source::open(path).map_err(|e| failed(&why(&e)))?;
            let file = Cdb::new(source).map_err(|e| failed(&e.to_string()))?;
            Ok(Found::File(File::Cdb(file)))
        }
        #[cfg(feature = "lmdb")]
        "lmdb" => {
            let file = Lmdb::open(path).map_err(|e| failed(&e.to_string()))?;
            Ok(Found::File(File::Lmdb(file)))
        }
        "hash" | "btree" => {
            let source = Source::open(path).map_err(|e| failed(&why(&e)))?;
            match Native::new(source) {
                Ok(file) => return Ok(Found::File(File::Native(file))),
                Err(OpenError::Foreign) => {}
                Err(OpenError::Read(why)) => return Err(failed(&why.to_string())),
            }
            match Berkeley::open(path) {
                Ok(file) => Ok(Found::File(File::Berkeley(file))),
                Err(BerkeleyError::Foreign) => {
                    Ok(Found::Foreign("not made by this program".to_owned()))
                }
                Err(why @ BerkeleyError::Unsupported(_)) => Ok(Found::Foreign(why.to_string())),
                Err(why) => Err(failed(&why.to_string())),
            }
        }
        _ => Err(super::open::unsupported(kind)),
    }
}

/// Opens `kind:name` for look-ups; `report` takes the warnings.
pub(super) fn open(
    kind: &str,
    name: &str,
    purpose: Purpose,
    utf8: bool,
    report: &mut Report<'_>,
) -> Result<Engine, String> {
    let path = path(kind, name);
    let found = open_file(kind, &path)?;
    let is_older = is_older(&path, Path::new(name), report);
    let aliases = if purpose.aliases { Syntax::Aliases } else { Syntax::Records };
    let syntax = match &found {
        Found::Foreign(_) => Some(aliases),
        Found::File(File::Native(native)) if is_older => Some(native.syntax()),
        Found::File(File::Berkeley(_)) if is_older => Some(aliases),
        Found::File(_) => None,
    };
    // The text is there and newer, or the file is not ours: the text counts. A text that this
    // process may not read changes nothing.
    if let Some(syntax) = syntax
        && let Ok(text) = super::lent::read(name)
    {
        if let Found::Foreign(what) = &found {
            let path = path.display();
            report(format!("database {path}: {what}, using its source file {name}"));
        }
        // What is wrong with its lines, postmap(1) says.
        return from_text(name, &text, syntax, purpose, utf8, &mut |_| ()).map(Engine::Hash);
    }
    let file = match found {
        Found::File(file) => file,
        Found::Foreign(what) => {
            let path = path.display();
            return Err(format!("open database {path}: {what}, and its source file is not there"));
        }
    };
    let forms = match purpose.trailing_nul {
        Some(true) => WITH_NUL,
        Some(false) => WITHOUT_NUL,
        None => WITH_NUL | WITHOUT_NUL,
    };
    let path = path.display().to_string();
    Ok(Engine::Indexed(Indexed { file, path, forms: AtomicU8::new(forms) }))
}

/// What postmap(1) or postalias(1) would make of the text, in memory.
fn from_text(
    name: &str,
    text: &[u8],
    syntax: Syntax,
    purpose: Purpose,
    utf8: bool,
    report: &mut Report<'_>,
) -> Result<HashTable, String> {
    match syntax {
        Syntax::Records => {
            // As postmap(1) makes tables: folded, the first of two equal keys counts.
            let purpose = Purpose { fold: true, duplicates: Duplicates::Warn, ..purpose };
            HashTable::parse_text(name, text, purpose, utf8, report)
        }
        Syntax::Aliases => Ok(HashTable::parse_aliases(name, text, utf8, report)),
    }
}

/// Whether the source text is newer than the file. Reports Postfix's warning if it has been for a
/// while: a change of the last seconds is somebody at work.
fn is_older(file: &Path, source: &Path, report: &mut Report<'_>) -> bool {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|file| file.modified());
    let (Ok(made), Ok(changed)) = (changed(file), changed(source)) else {
        return false;
    };
    if changed <= made {
        return false;
    }
    let age = SystemTime::now().duration_since(changed).unwrap_or_default();
    if age > Duration::from_secs(100) && seconds(changed) > seconds(made) {
        report(format!(
            "database {} is older than source file {}",
            file.display(),
            source.display()
        ));
    }
    true
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |passed| passed.as_secs())
}
