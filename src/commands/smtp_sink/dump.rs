//! The files in which smtp-sink(1) keeps messages: one for each, or one for many.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::options::DumpTo;
use crate::config::why;
use crate::sys::date::{by_template, mail_date};

/// A message that is being written.
#[derive(Debug)]
pub struct Dump {
    path: PathBuf,
    out: BufWriter<File>,
    /// Where it goes in the end, if it is to be added to a file.
    shared: Option<String>,
    /// Seconds since 1970.
    started: u64,
    id: u32,
    /// The first failure; told at the end of a turn.
    failed: Option<io::Error>,
}

/// Names that are tried before giving up.
const TRIES: u32 = 100;

impl Dump {
    /// Begins a message, now.
    pub fn begin(to: &DumpTo) -> Result<Self, String> {
        let (template, shared) = match to {
            DumpTo::Single(template) => (template, None),
            DumpTo::Shared(template) => (template, Some(template.clone())),
        };
        let started = crate::sys::now() / 1_000_000;
        let stem = by_template(template, started);
        let open = |path: &Path| {
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o644).open(path)
        };
        for _ in 0..TRIES {
            let mut bytes = [0; 4];
            crate::sys::random::fill(&mut bytes).map_err(|e| format!("random: {}", why(&e)))?;
            let id = u32::from_ne_bytes(bytes);
            let path = PathBuf::from(format!("{stem}{id:08x}"));
            let file = match open(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    make_parent(&path)?;
                    open(&path)
                }
                other => other,
            };
            let file = file.map_err(|e| format!("open {}: {}", path.display(), why(&e)))?;
            // What is only on its way into another file leaves no trace of its own.
            if shared.is_some() {
                std::fs::remove_file(&path)
                    .map_err(|e| format!("unlink {}: {}", path.display(), why(&e)))?;
            }
            let out = BufWriter::new(file);
            return Ok(Self { path, out, shared, started, id, failed: None });
        }
        Err(format!("{stem}: no free name found"))
    }

    /// Adds text.
    pub fn write(&mut self, text: &[u8]) {
        if let Err(e) = self.out.write_all(text) {
            self.failed.get_or_insert(e);
        }
    }

    /// A failure there has been, for the end of everything.
    pub fn check(&mut self) -> Result<(), String> {
        match self.failed.take() {
            Some(e) => Err(format!("append file {}: {}", self.path.display(), why(&e))),
            None => Ok(()),
        }
    }

    /// The header that ends those of smtp-sink itself. `host` is ours, `address` the client's.
    pub fn received(&mut self, helo: Option<&str>, address: &str, (host, protocol): (&str, &str)) {
        let from = helo.map_or_else(|| format!("[{address}]"), str::to_owned);
        let (id, date) = (self.id, mail_date(self.started));
        self.write(
            format!(
                "Received: from {from} ([{address}])\n\tby {host} (smtp-sink) with {protocol} id \
                 {id:08x};\n\t{date}\n"
            )
            .as_bytes(),
        );
    }

    /// The message is whole.
    pub fn finish(mut self) -> Result<(), String> {
        let path = self.path.display().to_string();
        if let Err(e) = self.out.flush() {
            self.failed.get_or_insert(e);
        }
        self.check()?;
        let Some(template) = &self.shared else { return Ok(()) };
        let target = PathBuf::from(by_template(template, self.started));
        let open = || OpenOptions::new().append(true).create(true).mode(0o644).open(&target);
        let file = match open() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                make_parent(&target)?;
                open()
            }
            other => other,
        };
        let shown = target.display();
        let mut file = file.map_err(|e| format!("open {shown}: {}", why(&e)))?;
        let mut from =
            self.out.into_inner().map_err(|e| format!("append file {path}: {}", why(e.error())))?;
        from.seek(SeekFrom::Start(0)).map_err(|e| format!("seek file {path}: {}", why(&e)))?;
        io::copy(&mut from, &mut file).map_err(|e| format!("append file {shown}: {}", why(&e)))?;
        Ok(())
    }

    /// The message did not come to an end.
    pub fn forget(self) -> Result<(), String> {
        if self.shared.is_some() {
            return Ok(());
        }
        match std::fs::remove_file(&self.path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(format!("unlink {}: {}", self.path.display(), why(&e)))
            }
            _ => Ok(()),
        }
    }
}

fn make_parent(path: &Path) -> Result<(), String> {
    let Some(parent) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(parent).map_err(|e| format!("mkdir {}: {}", parent.display(), why(&e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_for_each() {
        let folder = tempfile::tempdir().unwrap();
        let to = DumpTo::Single(format!("{}/new/%%.", folder.path().display()));
        let mut dump = Dump::begin(&to).unwrap();
        dump.write(b"text\n");
        dump.finish().unwrap();
        Dump::begin(&to).unwrap().forget().unwrap();
        let found = names(&folder.path().join("new"));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("%.") && found[0].len() == 10, "{found:?}");
    }

    #[test]
    fn one_for_many() {
        let folder = tempfile::tempdir().unwrap();
        let to = DumpTo::Shared(format!("{}/new/all", folder.path().display()));
        for text in ["one\n", "two\n"] {
            let mut dump = Dump::begin(&to).unwrap();
            dump.write(text.as_bytes());
            dump.finish().unwrap();
        }
        Dump::begin(&to).unwrap().forget().unwrap();
        assert_eq!(names(&folder.path().join("new")), ["all"]);
        assert_eq!(std::fs::read(folder.path().join("new/all")).unwrap(), b"one\ntwo\n");
    }
}
