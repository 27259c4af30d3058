//! What a service process may touch: one value on the title page of each process.

use std::path::PathBuf;

/// The rights of a process after its birth.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name in the process table and in the log.
    pub name: &'static str,
    /// Whom it runs as.
    pub user: RunAs,
    /// Paths below the queue directory it may write; everything else there is read-only.
    pub writes: &'static [&'static str],
    /// Whether it opens network connections or accepts them.
    pub network: bool,
    /// Whether it may start other programs.
    pub executes: bool,
    /// One sentence for the documentation.
    pub purpose: &'static str,
}

/// Whom a process runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// `mail_owner`, for good.
    MailOwner,
    /// root, so that workers can become users; parses nothing that a user wrote.
    Root,
}

/// Further paths that a process may read or write because its configuration names them.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Files and folders to read.
    pub read: Vec<PathBuf>,
    /// Files and folders to write.
    pub write: Vec<PathBuf>,
}
