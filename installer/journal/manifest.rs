//! What has been installed, so that `uninstall` can remove exactly that.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::before::{self, Before};
use super::{Change, FOLDER};
use crate::failure::{Failure, Outcome};
use crate::plan::Role;
use crate::root::Root;

/// What else there is to know about an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Version of the programs.
    pub version: Option<String>,
    /// Where they were put.
    pub prefix: Option<PathBuf>,
    /// USE flags.
    pub features: Option<Vec<String>>,
    /// The mail system whose settings `migrate --back` would give back; empty once it has.
    pub migrated_from: Option<String>,
}

/// What was installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thing {
    /// Something at a path.
    Path {
        /// Of the installed system.
        path: PathBuf,
        /// What stood there before.
        before: Before,
        /// What it is like, to see whether somebody has changed it since.
        fingerprint: Option<Fingerprint>,
    },
    /// A program that was run, and what takes that back.
    Command {
        /// The program and its arguments.
        words: Vec<String>,
        /// What takes it back.
        undo: Vec<String>,
    },
}

/// How a file is known again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Bytes of a file.
    pub length: u64,
    /// Checksum of a file, or of what a link says.
    pub crc: u32,
}

impl Fingerprint {
    /// Of what stands there now; none for folders and for nothing.
    pub fn of(at: &Path) -> Option<Self> {
        let found = std::fs::symlink_metadata(at).ok()?;
        let bytes = if found.is_symlink() {
            std::os::unix::ffi::OsStringExt::into_vec(std::fs::read_link(at).ok()?.into_os_string())
        } else if found.is_file() {
            std::fs::read(at).ok()?
        } else {
            return None;
        };
        Some(Self { length: bytes.len() as u64, crc: crc32fast::hash(&bytes) })
    }
}

/// A thing and what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it belongs to.
    pub role: Role,
    /// What it is.
    #[serde(flatten)]
    pub thing: Thing,
}

/// Everything that was installed, in the order in which it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What else there is to know.
    #[serde(flatten)]
    pub facts: Facts,
    /// The things.
    pub items: Vec<Item>,
    /// Folders that were made for this very file.
    pub folders: Vec<PathBuf>,
    /// Counts the names below originals/.
    next_original: u64,
}

impl Manifest {
    /// Reads it; none if there is no installation, or none that can be read.
    pub fn read(root: &Root) -> Option<Self> {
        Self::load(root).ok().flatten()
    }

    /// Reads it; none if there is no installation. A damaged one is an error: whoever went on would
    /// forget what has been installed.
    pub fn load(root: &Root) -> Outcome<Option<Self>> {
        let path = root.at(FOLDER).join("manifest.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Failure::io("read", &path, &e)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| {
            let shown = path.display();
            Failure::new(format!("{shown} is damaged: it says what has been installed ({e})"))
                .advise("put it back from a backup")
                .advise(format!("or move {shown} away: then uninstall knows only of what is installed after that"))
                .advise("nothing has been changed")
        })
    }

    /// Whether that path was installed, and not just configured.
    pub fn installed(&self, wanted: &Path) -> bool {
        self.items.iter().any(|item| {
            item.role == Role::Installed
                && matches!(&item.thing, Thing::Path { path, .. } if path == wanted)
        })
    }

    pub(super) fn write(&self, root: &Root) -> Outcome {
        let path = root.at(FOLDER).join("manifest.json");
        let failed = |e: std::io::Error| Failure::io("write", &path, &e);
        let temporary = before::temporary(&path);
        let text = serde_json::to_vec_pretty(self).map_err(|e| failed(e.into()))?;
        std::fs::write(&temporary, text)
            .and_then(|()| std::fs::File::open(&temporary)?.sync_all())
            .and_then(|()| std::fs::rename(&temporary, &path))
            .map_err(failed)
    }

    /// Takes over what a run has done. Taking the same changes a second time does no harm.
    pub(super) fn take(
        &mut self,
        root: &Root,
        changes: Vec<(Role, Change)>,
        facts: Facts,
    ) -> Outcome {
        let Facts { version, prefix, features, migrated_from } = facts;
        let now = &mut self.facts;
        now.version = version.or(now.version.take());
        now.prefix = prefix.or(now.prefix.take());
        now.features = features.or(now.features.take());
        let taken_back = migrated_from.as_deref() == Some("");
        now.migrated_from = match migrated_from {
            Some(_) if taken_back => None,
            told => told.or(now.migrated_from.take()),
        };
        for (role, change) in changes {
            match change {
                Change::Path { path, before } => self.path(root, role, path, before)?,
                Change::Command { words, undo: Some(undo) } => self.command(role, words, undo),
                Change::Command { undo: None, .. } | Change::Rights { .. } => {}
            }
        }
        if taken_back {
            self.items.retain(|item| item.role != Role::Migrated);
        }
        Ok(())
    }

    fn path(&mut self, root: &Root, role: Role, wanted: PathBuf, before: Before) -> Outcome {
        let at = root.at(&wanted);
        let known = self
            .items
            .iter()
            .position(|item| matches!(&item.thing, Thing::Path { path, .. } if *path == wanted));
        if std::fs::symlink_metadata(&at).is_err() && role != Role::Migrated {
            if let Some(place) = known {
                self.items.remove(place);
            }
            return Ok(());
        }
        let fingerprint = Fingerprint::of(&at);
        if let Some(item) = known.and_then(|place| self.items.get_mut(place)) {
            if let Thing::Path { fingerprint: old, .. } = &mut item.thing {
                old.clone_from(&fingerprint);
            }
            if role != Role::Migrated || item.role == Role::Migrated {
                return Ok(());
            }
        }
        let before = self.original(root, before)?;
        let thing = Thing::Path { path: wanted, before, fingerprint };
        self.items.push(Item { role, thing });
        Ok(())
    }

    /// A saved file is kept for good.
    fn original(&mut self, root: &Root, before: Before) -> Outcome<Before> {
        let Before::File(saved) = before else { return Ok(before) };
        let folder = root.at(FOLDER);
        let kept = PathBuf::from(format!("originals/{}", self.next_original));
        let (from, to) = (folder.join(&saved), folder.join(&kept));
        if from.exists() {
            let failed = |e: std::io::Error| Failure::io("keep", &from, &e);
            std::fs::create_dir_all(folder.join("originals")).map_err(failed)?;
            let _ = std::fs::remove_file(&to);
            before::keep(&from, &to).map_err(failed)?;
        }
        self.next_original += 1;
        Ok(Before::File(kept))
    }

    fn command(&mut self, role: Role, words: Vec<String>, undo: Vec<String>) {
        let thing = Thing::Command { words, undo };
        if !self.items.iter().any(|item| item.thing == thing) {
            self.items.push(Item { role, thing });
        }
    }
}
