//! Workers: processes with the rights of one user, which put mail into that user's mailboxes and
//! run that user's commands for a root parent that parses nothing a user wrote.
//!
//! ```text
//! local, virtual, pipe (root) ── pool ── socket ── worker (alice) ── mailbox, .forward, command
//!                                   └─── socket ── worker (bob)
//! ```
//!
//! A worker is this program started again (never a fork that goes on), under the name
//! `postfix-worker`. It gave up root before its first instruction and never gets it back; it sees
//! one message at a time, and no other descriptor than its socket. While there is mail for its
//! user it is used again; after some idle time it goes.

pub mod child;
mod command;
mod content;
mod copy;
mod crew;
mod forward;
mod lock;
mod maildir;
mod maildir_filter;
mod mbox;
pub mod pool;
mod quota;
mod safe_open;

pub use content::Content;
pub use copy::mbox_from_line;
pub use crew::{Crew, Headers, command_environment, locking, size_limit};
pub use forward::destinations;
pub use mbox::Opened;
pub use pool::{Identity, Pool};

use std::io;
use std::path::Path;

use crate::ipc::worker::{Copy, Locking, Mailbox, MailboxKind, Refusal};
use crate::mail::status::Status;

/// The status of a failed system call on a mailbox: try again, disk full, quota, or `default`.
pub(crate) fn mailbox_status(error: &io::Error, default: Status) -> Status {
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::ESTALE) => Status::new(4, 2, 0),
        Some(libc::ENOSPC) => Status::new(4, 3, 0),
        Some(libc::EDQUOT | libc::EFBIG) => Status::new(5, 2, 2),
        _ => default,
    }
}

/// A refusal because a system call on a mailbox failed: `what: reason`.
pub(crate) fn refused(what: &str, error: &io::Error, default: Status) -> Refusal {
    let reason = crate::sys::spawn::error_text(error);
    Refusal {
        access_denied: error.raw_os_error() == Some(libc::EACCES),
        ..Refusal::new(mailbox_status(error, default), format!("{what}: {reason}"))
    }
}

/// Opens and locks a mailbox with the rights that this process has, as for a delivery; warnings for
/// whoever asked come along. The locks last as long as what is returned.
pub fn lock_mailbox(path: &Path, locking: Locking) -> (Vec<String>, Result<Opened, Refusal>) {
    let mailbox = Mailbox {
        path: path.display().to_string(),
        copy: Copy::default(),
        locking,
        kind: MailboxKind::Destination,
        default_status: Status::new(5, 2, 0),
        opened_by_parent: false,
        spool_group: None,
        size_limit: None,
    };
    let mut warnings = Vec::new();
    let opened = mbox::open(&mailbox, None, &mut warnings);
    (warnings, opened)
}

/// Opens a mailbox in the parent, for a worker that may not (in a spool directory that only root
/// may write); a new one is given to `owner`. Warnings for the log come along.
pub async fn open_as_parent(
    mailbox: Mailbox,
    owner: (u32, u32),
) -> (Vec<String>, Result<Opened, Refusal>) {
    let opening = tokio::task::spawn_blocking(move || {
        let mut warnings = Vec::new();
        let opened = mbox::open(&mailbox, Some(owner), &mut warnings);
        (warnings, opened)
    });
    opening
        .await
        .unwrap_or_else(|e| (Vec::new(), Err(Refusal::new(Status::new(4, 3, 0), e.to_string()))))
}
