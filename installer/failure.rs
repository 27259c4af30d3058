//! What could not be done, and what to do instead.

use std::io;
use std::path::Path;

/// A failure that ends a verb. Whatever was changed before it has been undone, unless it says
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// What was tried on what, and why it did not work.
    pub what: String,
    /// What the administrator can do about it, a sentence each.
    pub advice: Vec<String>,
    /// What `--json` prints instead of the two.
    pub document: Option<Box<serde_json::Value>>,
}

/// What a step of the installer comes to.
pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// Without advice.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: Vec::new(), document: None }
    }

    /// The same with one more piece of advice.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice.push(advice.into());
        self
    }

    /// An operation on a file that failed: `cannot write /etc/hosts: Read-only file system`. The
    /// advice is what helps against the usual reasons.
    pub fn io(what: &str, path: &Path, error: &io::Error) -> Self {
        let why = postfix_rs::config::why(error);
        let failure = Self::new(format!("cannot {what} {}: {why}", path.display()));
        match error.kind() {
            io::ErrorKind::PermissionDenied if !postfix_rs::sys::users::is_root() => failure
                .advise(
                    "run postfix-installer as root, or give a folder of your own with --root DIR",
                ),
            io::ErrorKind::PermissionDenied => failure.advise(format!(
                "it may be immutable: lsattr -d {0} shows an i, chattr -i {0} takes it away",
                path.display()
            )),
            io::ErrorKind::ReadOnlyFilesystem => failure
                .advise("mount that file system read-write, or stage the files with --root DIR"),
            io::ErrorKind::StorageFull => failure.advise("make room on that file system"),
            _ => failure,
        }
    }
}

impl From<String> for Failure {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}
