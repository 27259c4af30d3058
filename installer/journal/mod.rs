//! The journal: every change is written down, with what it takes to undo it, before it is made.
//!
//! ```text
//! /var/lib/postfix-installer/journal        the changes of the run in progress, a line each
//! /var/lib/postfix-installer/saved/N        what stood in the way of change N
//! /var/lib/postfix-installer/manifest.json  what has been installed, for uninstall
//! /var/lib/postfix-installer/originals/     what stood where something was installed
//! ```
//!
//! A run that ends half-way, however it ends, leaves a journal; the next run undoes what it says
//! before it does anything else. Once the line `committed` is on disk, nothing is undone any more,
//! and what is left to do is finished instead.

mod before;
mod manifest;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::before::{
    Before, remove, restore, save, set_mode, set_rights, take_place, temporary,
};
pub use self::manifest::{Facts, Fingerprint, Item, Manifest, Thing};
use crate::failure::{Failure, Outcome};
use crate::plan::Role;
use crate::root::Root;

/// Where the journal and what belongs to it lie.
pub const FOLDER: &str = "/var/lib/postfix-installer";

/// A change, as it is undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Something else stands at a path now.
    Path {
        /// Of the installed system.
        path: PathBuf,
        /// What stood there.
        before: Before,
    },
    /// Mode and owner.
    Rights {
        /// Of the installed system.
        path: PathBuf,
        /// What they were: mode, user, group.
        before: (u32, u32, u32),
    },
    /// A program was run.
    Command {
        /// It and its arguments.
        words: Vec<String>,
        /// What takes it back.
        undo: Option<Vec<String>>,
    },
}

/// A line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// The first.
    Begin {
        /// The verb.
        verb: String,
        /// Folders above the journal that were made for it.
        made: Vec<PathBuf>,
        /// What the manifest is to say besides the items.
        facts: Facts,
    },
    /// A change is about to be made.
    Intend {
        /// What it belongs to.
        role: Role,
        /// What it is.
        change: Change,
    },
    /// The program of the change before has run to its end, and succeeded.
    Ran,
    /// Nothing is undone from here on.
    Committed {
        /// `uninstall`: everything here goes as well.
        ends_all: bool,
    },
}

/// The journal of a run.
#[derive(Debug)]
pub struct Journal {
    root: Root,
    file: File,
    changes: Vec<(Role, Change)>,
    /// Whether the last change is a program that has not run to a good end: it may have changed
    /// something, or nothing.
    unfinished: bool,
    made: Vec<PathBuf>,
    facts: Facts,
    /// Held while this run lasts.
    _lock: File,
}

/// What became of a journal that an earlier run had left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// There was none.
    Nothing,
    /// Its changes were undone; how many.
    RolledBack(usize),
    /// It was committed, and is finished now.
    Finished,
}

impl Journal {
    /// Begins a run; there must be no journal of another.
    pub fn begin(root: &Root, verb: &str, facts: Facts) -> Outcome<Self> {
        Manifest::load(root)?;
        let made = make_folder(root)?;
        let lock = lock(root)?;
        let path = root.at(FOLDER).join("journal");
        let file = File::create_new(&path).map_err(|e| Failure::io("create", &path, &e))?;
        let saved = root.at(FOLDER).join("saved");
        let _ = std::fs::remove_dir_all(&saved);
        std::fs::create_dir(&saved).map_err(|e| Failure::io("create the folder", &saved, &e))?;
        let begin = Line::Begin { verb: verb.into(), made: made.clone(), facts: facts.clone() };
        let mut journal = Self {
            root: root.clone(),
            file,
            changes: Vec::new(),
            unfinished: false,
            made,
            facts,
            _lock: lock,
        };
        journal.write(&begin)?;
        Ok(journal)
    }

    fn write(&mut self, line: &Line) -> Outcome {
        let path = self.root.at(FOLDER).join("journal");
        let mut text = serde_json::to_vec(line)
            .map_err(|e| Failure::new(format!("cannot write the journal: {e}")))?;
        text.push(b'\n');
        self.file
            .write_all(&text)
            .and_then(|()| self.file.sync_data())
            .map_err(|e| Failure::io("write", &path, &e))?;
        crate::act::tick();
        Ok(())
    }

    /// Writes down a change that is about to be made.
    pub fn intend(&mut self, role: Role, change: Change) -> Outcome {
        self.write(&Line::Intend { role, change: change.clone() })?;
        self.unfinished = matches!(change, Change::Command { .. });
        self.changes.push((role, change));
        Ok(())
    }

    /// Writes down that the program that was intended last has succeeded.
    pub fn ran(&mut self) -> Outcome {
        self.write(&Line::Ran)?;
        self.unfinished = false;
        Ok(())
    }

    /// Saves what stands at a path, and writes down that something else will.
    pub fn intend_path(&mut self, role: Role, path: &Path) -> Outcome {
        let saved = format!("saved/{}", self.changes.len());
        let before = save(&self.root, path, &saved)?;
        self.intend(role, Change::Path { path: path.to_owned(), before })
    }

    /// Undoes everything, last change first; what could not be undone is told.
    pub fn roll_back(self) -> Vec<Failure> {
        let failures = undo_all(&self.root, self.changes, self.unfinished);
        if failures.is_empty() {
            clear(&self.root, &self.made);
        }
        failures
    }

    /// Everything is done: it stays. `ends_all` is for `uninstall`, after which nothing is left.
    pub fn commit(mut self, ends_all: bool) -> Outcome {
        self.write(&Line::Committed { ends_all })?;
        finish(&self.root, self.changes, self.facts, self.made, ends_all)
    }
}

/// Undoes, or finishes, what an earlier run has left.
pub fn recover(root: &Root) -> Outcome<(Recovered, Vec<Failure>)> {
    let path = root.at(FOLDER).join("journal");
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok((Recovered::Nothing, Vec::new()));
    };
    let _lock = lock(root)?;
    let mut made = Vec::new();
    let mut facts = Facts::default();
    let mut changes = Vec::new();
    let mut unfinished = false;
    let mut committed = None;
    // A line that is cut off belongs to a change that was not made.
    for line in text.lines().map_while(|line| serde_json::from_str(line).ok()) {
        match line {
            Line::Begin { made: folders, facts: told, .. } => (made, facts) = (folders, told),
            Line::Intend { role, change } => {
                unfinished = matches!(change, Change::Command { .. });
                changes.push((role, change));
            }
            Line::Ran => unfinished = false,
            Line::Committed { ends_all } => committed = Some(ends_all),
        }
    }
    if let Some(ends_all) = committed {
        finish(root, changes, facts, made, ends_all)?;
        return Ok((Recovered::Finished, Vec::new()));
    }
    let count = changes.len();
    let failures = undo_all(root, changes, unfinished);
    if failures.is_empty() {
        clear(root, &made);
    }
    Ok((Recovered::RolledBack(count), failures))
}

/// Whether an earlier run has left a journal.
pub fn is_interrupted(root: &Root) -> bool {
    root.has(Path::new(FOLDER).join("journal"))
}

/// Undoes everything, last change first. What would take back a program that has not run to a good
/// end may find nothing to take back, which is no failure.
fn undo_all(root: &Root, changes: Vec<(Role, Change)>, unfinished: bool) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (number, (_, change)) in changes.into_iter().rev().enumerate() {
        if let Err(failure) = undo(root, change)
            && !(unfinished && number == 0)
        {
            failures.push(failure);
        }
    }
    failures
}

fn undo(root: &Root, change: Change) -> Outcome {
    match change {
        Change::Path { path, before } => before::restore(root, &path, &before),
        Change::Rights { path, before } => before::set_rights(&root.at(&path), before),
        Change::Command { undo: None, .. } => Ok(()),
        Change::Command { undo: Some(words), words: done } => {
            crate::act::run(&words, &[], None).map(drop).map_err(|failure| {
                Failure::new(format!("cannot take back '{}': {failure}", done.join(" ")))
                    .advise(format!("run: {}", words.join(" ")))
            })
        }
    }
}

/// Makes the manifest say what the changes have done, and removes the journal.
fn finish(
    root: &Root,
    changes: Vec<(Role, Change)>,
    facts: Facts,
    made: Vec<PathBuf>,
    ends_all: bool,
) -> Outcome {
    let mut manifest = Manifest::load(root)?.unwrap_or_default();
    manifest.folders.extend(made);
    if ends_all {
        let folders = std::mem::take(&mut manifest.folders);
        let path = root.at(FOLDER).join("manifest.json");
        let _ = std::fs::remove_file(path);
        clear(root, &folders);
        return Ok(());
    }
    manifest.take(root, changes, facts)?;
    manifest.write(root)?;
    let folder = root.at(FOLDER);
    let _ = std::fs::remove_dir_all(folder.join("saved"));
    let path = folder.join("journal");
    std::fs::remove_file(&path).map_err(|e| Failure::io("remove", &path, &e))
}

/// Removes what this run has left in the journal's folder, and the folders made for it, unless
/// there is a manifest.
fn clear(root: &Root, made: &[PathBuf]) {
    let folder = root.at(FOLDER);
    let _ = std::fs::remove_dir_all(folder.join("saved"));
    let _ = std::fs::remove_file(folder.join("journal"));
    if !folder.join("manifest.json").exists() {
        let _ = std::fs::remove_dir_all(folder.join("originals"));
        let _ = std::fs::remove_file(folder.join("lock"));
        for path in made.iter().rev() {
            let _ = std::fs::remove_dir(root.at(path));
        }
    }
}

/// Makes the folder of the journal; returns which folders were missing.
fn make_folder(root: &Root) -> Outcome<Vec<PathBuf>> {
    let mut made = Vec::new();
    let missing: Vec<&Path> =
        Path::new(FOLDER).ancestors().take_while(|path| !root.at(path).is_dir()).collect();
    for path in missing.into_iter().rev() {
        let at = root.at(path);
        let mode = if path == Path::new(FOLDER) { 0o700 } else { 0o755 };
        let create =
            if path.parent().is_none() { std::fs::create_dir_all } else { std::fs::create_dir };
        create(&at)
            .and_then(|()| before::set_mode(&at, mode))
            .map_err(|e| Failure::io("create the folder", &at, &e))?;
        made.push(path.to_owned());
    }
    Ok(made)
}

fn lock(root: &Root) -> Outcome<File> {
    let path = root.at(FOLDER).join("lock");
    let file = File::create(&path).map_err(|e| Failure::io("create", &path, &e))?;
    for _ in 0..LOCK_TRIES {
        if file.try_lock().is_ok() {
            return Ok(file);
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Err(Failure::new("another postfix-installer is at work on this system")
        .advise("wait until it has ended"))
}

/// One that is just ending may hold the lock for a moment.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
