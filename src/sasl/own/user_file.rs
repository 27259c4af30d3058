//! A file of users and their passwords (`smtpd_sasl_type = file`), one password a line:
//!
//! ```text
//! joe:$argon2id$v=19$m=19456,t=2,p=1$…
//! jane@example.org:{SCRAM-SHA-256}20000,…
//! ```
//!
//! A name may have several lines, for several mechanisms. Dovecot's passwd-file has the same form;
//! its further fields are passed over. postpasswd(1) writes it.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::password::{BadStored, Stored};
use crate::sasl::prep::prepared_text;
use crate::sasl::scram_keys::Hash;

/// Largest file: a hundred thousand users.
const FILE_MAX: u64 = 16 << 20;

/// Longest line.
const LINE_MAX: usize = 4096;

/// How many faulty lines are told of.
const FAULTS_MAX: usize = 10;

/// The users of a file.
#[derive(Clone, Debug, Default)]
pub struct Users {
    by_name: HashMap<String, Vec<Stored>>,
    /// Names in the order of the file, so that a name which is not in it can stand for one that is.
    names: Vec<String>,
    /// What is wrong with lines.
    pub faults: Vec<Fault>,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Fault {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: BadLine,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    /// No `name:password`.
    #[error("expected name:password")]
    NoPassword,
    /// Nobody needs so much.
    #[error("too long")]
    TooLong,
    /// The password.
    #[error(transparent)]
    Stored(#[from] BadStored),
}

/// Reads a line; none if there is nothing in it.
pub fn line(text: &str) -> Result<Option<(&str, Stored)>, BadLine> {
    let text = text.trim_end_matches('\r');
    if text.trim().is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.len() > LINE_MAX {
        return Err(BadLine::TooLong);
    }
    let (name, stored) = text.split_once(':').ok_or(BadLine::NoPassword)?;
    if name.is_empty() || stored.is_empty() {
        return Err(BadLine::NoPassword);
    }
    Ok(Some((name, Stored::parse(stored)?)))
}

impl Users {
    /// Reads a file. A faulty line is left out.
    pub fn parse(text: &str) -> Self {
        let mut users = Self::default();
        for (number, text) in (1..).zip(text.lines()) {
            match line(text) {
                Ok(None) => {}
                Ok(Some((name, stored))) => {
                    let name = &*prepared_text(name);
                    let kept = users.by_name.entry(name.to_owned()).or_default();
                    if kept.is_empty() {
                        users.names.push(name.to_owned());
                    }
                    kept.push(stored);
                }
                Err(why) if users.faults.len() < FAULTS_MAX => {
                    users.faults.push(Fault { line: number, why });
                }
                Err(_) => {}
            }
        }
        users
    }

    /// The names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// What is kept of a user; nothing if there is no such user.
    pub fn of(&self, name: &str) -> &[Stored] {
        self.by_name.get(&*prepared_text(name)).map_or(&[], Vec::as_slice)
    }

    /// What a name that is not there is tried against, so that it takes as long: always the same
    /// one for a name.
    fn stand_in(&self, name: &str, by: &RandomState) -> Option<&Stored> {
        let count = u64::try_from(self.names.len()).ok().filter(|count| *count > 0)?;
        let at = usize::try_from(by.hash_one(name) % count).ok()?;
        self.of(self.names.get(at)?).first()
    }

    /// Whether every user can log in by SCRAM with this hash. A client takes the best mechanism that
    /// it is offered, and would fail where its own user cannot.
    fn all_have_scram(&self, hash: Hash) -> bool {
        let has = |stored: &Stored| match stored {
            Stored::Scram(known, _) => *known == hash,
            Stored::Clear(_) => true,
            _ => false,
        };
        !self.names.is_empty() && self.by_name.values().all(|kept| kept.iter().any(has))
    }

    fn all_have_clear(&self) -> bool {
        let has = |kept: &Vec<Stored>| kept.iter().any(|stored| matches!(stored, Stored::Clear(_)));
        !self.names.is_empty() && self.by_name.values().all(has)
    }
}

/// Which mechanisms beyond PLAIN and LOGIN every user of a file can use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) sha256: bool,
    pub(super) sha1: bool,
    pub(super) cram_md5: bool,
}

/// The file, read again whenever it has changed.
#[derive(Debug)]
pub(in crate::sasl) struct UserFile {
    path: PathBuf,
    random: RandomState,
    read: Mutex<Option<Read>>,
}

/// What was read, and what the file was like then.
#[derive(Clone, Debug)]
struct Read {
    state: State,
    users: Arc<Users>,
    abilities: Abilities,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

/// What is to be told to the log when a file has been read anew.
pub(super) type News = Vec<String>;

impl UserFile {
    pub(in crate::sasl) fn new(path: PathBuf) -> Self {
        Self { path, random: RandomState::new(), read: Mutex::default() }
    }

    /// The file, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn abilities(&self) -> io::Result<(Abilities, News)> {
        self.current().map(|(read, news)| (read.abilities, news))
    }

    /// What is kept of a user.
    pub(super) fn of(&self, name: &str) -> io::Result<Vec<Stored>> {
        Ok(self.current()?.0.users.of(name).to_vec())
    }

    /// Tries a password: as long for a name that is not there as for one that is.
    pub(super) fn check(&self, name: &str, password: &[u8]) -> io::Result<bool> {
        let (read, _) = self.current()?;
        let kept = read.users.of(name);
        // The form that comes first is the one that is tried: a second try would show who has two.
        let dear = kept.iter().find(|stored| !matches!(stored, Stored::Clear(_))).or(kept.first());
        match dear {
            Some(stored) => Ok(stored.matches(password)),
            None => {
                if let Some(stored) = read.users.stand_in(name, &self.random) {
                    let _ = stored.matches(password);
                }
                Ok(false)
            }
        }
    }

    fn current(&self) -> io::Result<(Read, News)> {
        let state = State::of(&std::fs::metadata(&self.path)?);
        {
            let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(read) = read.as_ref().filter(|read| read.state == state) {
                return Ok((read.clone(), News::new()));
            }
        }
        let (read, news) = self.read_anew()?;
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(read.clone());
        Ok((read, news))
    }

    fn read_anew(&self) -> io::Result<(Read, News)> {
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        if metadata.len() > FILE_MAX {
            return Err(io::Error::other(format!("larger than {FILE_MAX} bytes")));
        }
        let mut text = String::new();
        file.take(FILE_MAX).read_to_string(&mut text)?;
        let users = Arc::new(Users::parse(&text));
        let mut news: News = users.faults.iter().map(Fault::to_string).collect();
        if metadata.mode() & 0o007 != 0 {
            news.push("readable by everybody: chmod 640".into());
        }
        let abilities = Abilities {
            sha256: users.all_have_scram(Hash::Sha256),
            sha1: users.all_have_scram(Hash::Sha1),
            cram_md5: users.all_have_clear(),
        };
        Ok((Read { state: State::of(&metadata), users, abilities }, news))
    }
}

impl State {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "# users\n\njoe:{PLAIN}sec:ret\njoe:$6$saltstringsalts$z3Zj.EaNHbdF8Y5GYZoQ9XJ75jTzepU9aj8YhOadPieHVInzzXoUITpBGfRjh.jL3YdBtrJVcFGsUHH65EhlU0\njane:{MD5}x\nnobody\n:{PLAIN}x\n";

    #[test]
    fn lines() {
        let users = Users::parse(TEXT);
        assert_eq!(users.names().collect::<Vec<_>>(), ["joe"]);
        assert_eq!(users.of("joe").len(), 2);
        assert!(users.of("joe").first().is_some_and(|kept| kept.matches(b"sec:ret")));
        assert!(users.of("jane").is_empty());
        let faults: Vec<usize> = users.faults.iter().map(|fault| fault.line).collect();
        assert_eq!(faults, [5, 6, 7]);
        assert_eq!(line(&format!("joe:{}", "x".repeat(5000))), Err(BadLine::TooLong));
    }

    #[test]
    fn read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        let file = UserFile::new(path.clone());
        assert_eq!(file.check("joe", b"x").unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, "joe:{PLAIN}old\n").unwrap();
        assert!(file.check("joe", b"old").unwrap() && !file.check("joe", b"new").unwrap());
        assert!(!file.check("jane", b"old").unwrap());
        let all = Abilities { sha256: true, sha1: true, cram_md5: true };
        assert_eq!(file.abilities().unwrap().0, all);
        std::fs::remove_file(&path).unwrap();
        assert!(file.check("joe", b"old").is_err());
        std::fs::write(&path, "joe:{PLAIN}new\njane:$6$x\n").unwrap();
        assert!(file.check("joe", b"new").unwrap());
    }

    #[test]
    fn mechanisms_that_everybody_has() {
        let keys = Stored::make(super::super::password::Scheme::ScramSha256, b"x").unwrap().text();
        let users = Users::parse(&format!("joe:{keys}\njane:{{PLAIN}}x\n"));
        assert!(users.all_have_scram(Hash::Sha256) && !users.all_have_scram(Hash::Sha1));
        assert!(!users.all_have_clear());
        assert!(!Users::default().all_have_scram(Hash::Sha256));
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-z:{}$,=\n#]|\\PC){0,200}") {
            let users = Users::parse(&text);
            prop_assert!(users.names().all(|name| !users.of(name).is_empty()));
        }
    }
}
