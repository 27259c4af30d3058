//! What is to be done, as a value: `--dry-run` prints it, `--json` shows it, [`crate::act`] does it.
//!
//! A plan is made by looking at the machine. It holds only what differs from what is there, so a
//! second run of the same verb has an empty plan.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::machine::Machine;
use crate::root;

/// What a step belongs to: this decides what `uninstall` does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Part of the installation: `uninstall` removes it, and puts back what stood there.
    Installed,
    /// Configuration: the administrator's from now on. Only `uninstall --purge` removes it, and
    /// only if nobody has changed it.
    Configuration,
    /// Queue, data, accounts: kept; `uninstall --purge` removes what is empty.
    State,
    /// Taken over from another mail system: `migrate --back` puts back what was there.
    Migrated,
}

/// Who owns something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Name of the user.
    pub user: String,
    /// Name of the group.
    pub group: String,
}

impl Owner {
    /// That user and group.
    pub fn new(user: &str, group: &str) -> Self {
        Self { user: user.into(), group: group.into() }
    }

    /// root and its group.
    pub fn root() -> Self {
        Self::new("root", "root")
    }
}

/// Where the content of a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file of this machine.
    Copy(PathBuf),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Source {
    /// The bytes.
    pub fn read(&self) -> std::io::Result<std::borrow::Cow<'_, [u8]>> {
        match self {
            Self::Copy(path) => std::fs::read(path).map(Into::into),
            Self::Bytes(bytes) => Ok(bytes.as_slice().into()),
        }
    }
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// Make a folder.
    Folder {
        /// Of the installed system.
        path: PathBuf,
        /// Access rights.
        mode: u32,
        /// Who gets it.
        owner: Owner,
    },
    /// Write a file, whole or not at all.
    File {
        /// Of the installed system.
        path: PathBuf,
        /// The content.
        #[serde(skip)]
        source: Source,
        /// Access rights.
        mode: u32,
        /// Who gets it; none: whoever owns the file that is replaced.
        owner: Option<Owner>,
        /// Lines that go (`-`) and come (`+`), where a text is changed.
        changes: Vec<String>,
    },
    /// Make a symbolic link.
    Link {
        /// Of the installed system.
        path: PathBuf,
        /// What it says.
        target: PathBuf,
    },
    /// Set mode and owner of something.
    Rights {
        /// Of the installed system.
        path: PathBuf,
        /// Access rights.
        mode: u32,
        /// Who gets it.
        owner: Owner,
    },
    /// Remove a file, a link, or an empty folder.
    Remove {
        /// Of the installed system.
        path: PathBuf,
    },
    /// Put back what stood there before an installation.
    PutBack {
        /// Of the installed system.
        path: PathBuf,
        /// What stood there.
        #[serde(skip)]
        before: crate::journal::Before,
    },
    /// Run a program.
    Run {
        /// The program and its arguments.
        words: Vec<String>,
        /// What it is good for.
        why: String,
        /// What takes it back.
        undo: Option<Vec<String>>,
        /// Files that it writes: they are saved before.
        makes: Vec<PathBuf>,
        /// Variables in its environment.
        #[serde(skip)]
        environment: Vec<(String, String)>,
    },
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What to do.
    #[serde(flatten)]
    pub action: Action,
    /// What it belongs to.
    pub role: Role,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder { path, .. } => write!(f, "folder {}", path.display()),
            Self::File { path, changes, .. } if !changes.is_empty() => {
                write!(f, "change {}", path.display())
            }
            Self::File { path, mode, .. } if mode & 0o111 != 0 => {
                write!(f, "program {}", path.display())
            }
            Self::File { path, .. } => write!(f, "file {}", path.display()),
            Self::Link { path, target } => {
                write!(f, "link {} -> {}", path.display(), target.display())
            }
            Self::Rights { path, mode, owner } => {
                write!(f, "rights {} {mode:04o} {}:{}", path.display(), owner.user, owner.group)
            }
            Self::Remove { path } => write!(f, "remove {}", path.display()),
            Self::PutBack { path, .. } => write!(f, "put back {}", path.display()),
            Self::Run { words, why, .. } => write!(f, "run {} ({why})", words.join(" ")),
        }
    }
}

/// Everything that a verb is going to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// What cannot be done here, and what to do instead.
    pub notes: Vec<String>,
    /// What programs of the plan write to besides the paths in the steps.
    #[serde(skip)]
    pub written: Vec<PathBuf>,
}

impl Plan {
    /// The paths that the plan changes.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let of_steps = self.steps.iter().flat_map(|step| match &step.action {
            Action::Folder { path, .. }
            | Action::File { path, .. }
            | Action::Link { path, .. }
            | Action::Rights { path, .. }
            | Action::Remove { path }
            | Action::PutBack { path, .. } => std::slice::from_ref(path),
            Action::Run { makes, .. } => makes,
        });
        of_steps.chain(&self.written).map(PathBuf::as_path)
    }

    /// The programs that the plan runs.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match &step.action {
            Action::Run { words, .. } => words.first().map(String::as_str),
            _ => None,
        })
    }
}

/// A plan in the making: adds what differs from the machine as it is, and as the steps before
/// will have made it.
#[derive(Debug)]
pub struct Draft<'m> {
    machine: &'m Machine,
    plan: Plan,
    planned: HashSet<PathBuf>,
}

impl<'m> Draft<'m> {
    /// Nothing to do so far.
    pub fn new(machine: &'m Machine) -> Self {
        Self { machine, plan: Plan::default(), planned: HashSet::new() }
    }

    /// The plan.
    pub fn finish(self) -> Plan {
        self.plan
    }

    /// Whether there is nothing to do so far.
    pub fn is_empty(&self) -> bool {
        self.plan.steps.is_empty()
    }

    /// Whether a step writes that path.
    pub fn is_planned(&self, path: &Path) -> bool {
        self.planned.contains(path)
    }

    /// Remembers something to tell; once.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.plan.notes.contains(&text) {
            self.plan.notes.push(text);
        }
    }

    fn push(&mut self, role: Role, action: Action) {
        self.plan.steps.push(Step { action, role });
    }

    /// A folder, and those above it.
    pub fn folder(&mut self, path: &Path, mode: u32, owner: Owner, role: Role) {
        let at = self.machine.root.at(path);
        // The root itself comes with the journal.
        if at.is_dir() || self.planned.contains(path) || path.parent().is_none() {
            return;
        }
        if let Some(above) = path.parent() {
            self.folder(above, 0o755, Owner::root(), role);
        }
        self.planned.insert(path.to_owned());
        self.push(role, Action::Folder { path: path.to_owned(), mode, owner });
    }

    /// A folder with these rights, also when it is there already.
    pub fn folder_exactly(&mut self, path: &Path, mode: u32, owner: Owner, role: Role) {
        if self.machine.root.at(path).is_dir() {
            self.rights(path, mode, owner, role);
        } else {
            self.folder(path, mode, owner, role);
        }
    }

    /// Mode and owner of something that is there, or will be.
    pub fn rights(&mut self, path: &Path, mode: u32, owner: Owner, role: Role) {
        let mode = self.possible(mode, &owner);
        if self.planned.contains(path) || !self.has_rights(path, mode, &owner) {
            self.push(role, Action::Rights { path: path.to_owned(), mode, owner });
        }
    }

    /// Set-gid only for the group that is meant: without root's rights, or where a staging folder
    /// is made and the group is unknown, it would be somebody else's.
    fn possible(&self, mode: u32, owner: &Owner) -> u32 {
        let known = self.machine.is_system() || self.machine.id("group", &owner.group).is_some();
        if self.machine.privileged && known { mode } else { mode & 0o1777 }
    }

    fn has_rights(&self, path: &Path, mode: u32, owner: &Owner) -> bool {
        let user = self.machine.id("passwd", &owner.user);
        let group = self.machine.id("group", &owner.group);
        root::rights(&self.machine.root.at(path)).is_some_and(|(now, is_user, is_group)| {
            let owned = !self.machine.privileged
                || (user, group) == (Some(is_user), Some(is_group))
                || (!self.machine.is_system() && (user.is_none() || group.is_none()));
            now == mode && owned
        })
    }

    /// A file with exactly that content.
    pub fn file(&mut self, path: &Path, source: Source, mode: u32, owner: Owner, role: Role) {
        let at = self.machine.root.at(path);
        let is_file = std::fs::symlink_metadata(&at).is_ok_and(|found| found.is_file());
        let mode = self.possible(mode, &owner);
        let same = is_file && same_content(&at, &source) && self.has_rights(path, mode, &owner);
        if same || !self.planned.insert(path.to_owned()) {
            return;
        }
        self.above(path, role);
        let owner = Some(owner);
        self.push(
            role,
            Action::File { path: path.to_owned(), source, mode, owner, changes: Vec::new() },
        );
    }

    /// Another text for a file that people edit: mode and owner stay. With `secret` the plan does
    /// not show what changes.
    pub fn edit(&mut self, path: &Path, before: &[u8], after: Vec<u8>, secret: bool, role: Role) {
        if before == after {
            return;
        }
        let changes = if secret { vec!["(not shown)".to_owned()] } else { changes(before, &after) };
        let mode = root::rights(&self.machine.root.at(path)).map_or(0o644, |(mode, ..)| mode);
        self.above(path, role);
        self.planned.insert(path.to_owned());
        let source = Source::Bytes(after);
        self.push(role, Action::File { path: path.to_owned(), source, mode, owner: None, changes });
    }

    fn above(&mut self, path: &Path, role: Role) {
        if let Some(folder) = path.parent() {
            self.folder(folder, 0o755, Owner::root(), role);
        }
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &Path, target: &Path, role: Role) {
        let at = self.machine.root.at(path);
        if std::fs::read_link(&at).is_ok_and(|now| now == target)
            || !self.planned.insert(path.to_owned())
        {
            return;
        }
        self.above(path, role);
        self.push(role, Action::Link { path: path.to_owned(), target: target.to_owned() });
    }

    /// A program to run.
    pub fn run(&mut self, words: &[&str], why: &str, undo: Option<&[&str]>, role: Role) {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        self.push(
            role,
            Action::Run {
                words: owned(words),
                why: why.to_owned(),
                undo: undo.map(owned),
                makes: Vec::new(),
                environment: Vec::new(),
            },
        );
    }

    /// Remembers what a program of the plan writes to, so that it is known before the first change
    /// whether that can be done.
    pub fn written(&mut self, paths: &[&str]) {
        self.plan.written.extend(paths.iter().map(PathBuf::from));
    }

    /// A step that was put together elsewhere.
    pub fn step(&mut self, role: Role, action: Action) {
        self.push(role, action);
    }
}

fn same_content(at: &Path, source: &Source) -> bool {
    let now = std::fs::metadata(at).map(|found| found.len());
    let length = match source {
        Source::Copy(path) => std::fs::metadata(path).map(|found| found.len()),
        Source::Bytes(bytes) => Ok(bytes.len() as u64),
    };
    matches!((now, length), (Ok(now), Ok(length)) if now == length)
        && matches!((std::fs::read(at), source.read()), (Ok(now), Ok(then)) if now == *then)
}

/// The lines that only one of two texts has.
fn changes(before: &[u8], after: &[u8]) -> Vec<String> {
    let lines = |text: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(text).lines().map(str::to_owned).collect()
    };
    let (before, after) = (lines(before), lines(after));
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}"));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::fake::Fake;

    #[test]
    fn only_what_differs() {
        let fake = Fake::new(&[("/etc/a", "text\n"), ("/etc/l", "-> a")]);
        let machine = fake.machine();
        let mut draft = Draft::new(&machine);
        let source = || Source::Bytes(b"text\n".to_vec());
        draft.file(Path::new("/etc/a"), source(), 0o644, Owner::root(), Role::Installed);
        draft.link(Path::new("/etc/l"), Path::new("a"), Role::Installed);
        draft.folder(Path::new("/etc"), 0o755, Owner::root(), Role::Installed);
        assert_eq!(draft.finish(), Plan::default());
        let mut draft = Draft::new(&machine);
        draft.file(Path::new("/x/y/b"), source(), 0o755, Owner::root(), Role::Installed);
        draft.file(Path::new("/etc/a"), source(), 0o600, Owner::root(), Role::Installed);
        let shown: Vec<String> =
            draft.finish().steps.iter().map(|step| step.action.to_string()).collect();
        assert_eq!(shown, ["folder /x", "folder /x/y", "program /x/y/b", "file /etc/a"]);
    }

    #[test]
    fn changed_lines() {
        assert_eq!(changes(b"a\n#b\nc\n", b"a\nb = 1\nc\n"), ["- #b", "+ b = 1"]);
    }
}
