//! Commands (postsuper, postqueue, postcat) to qmgr, over `private/qmgr` (root and the mail
//! owner) and `public/qmgr` (group postdrop, flush requests only).

use serde::{Deserialize, Serialize};

use crate::mail::queue_id::QueueId;

/// A request to qmgr.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToQmgr {
    /// Try all deferred mail now (`postqueue -f`).
    Flush,
    /// Try one message now (`postqueue -i`).
    FlushId(QueueId),
    /// Try all mail for a site now (`postqueue -s`, ETRN).
    FlushSite(String),
    /// postsuper: do this to these messages, in these queues (all if empty).
    Change {
        /// What to do.
        change: Change,
        /// Which messages.
        which: Which,
        /// `incoming`, `active`, `deferred`, `hold`; none is all.
        queues: Vec<String>,
    },
    /// Where the record of a message lies (postcat -q).
    Locate(QueueId),
}

/// What postsuper does to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// -d
    Delete,
    /// -h
    Hold,
    /// -H
    Release,
    /// -r
    Requeue,
    /// -e
    Expire,
    /// -f
    ForceExpire,
}

/// Which messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    /// One.
    Id(QueueId),
    /// ALL
    All,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromQmgr {
    /// Done, to these messages.
    Changed(Vec<QueueId>),
    /// The request was taken.
    Accepted,
    /// Where it lies, and in which queue.
    Located {
        /// Queue name.
        queue: String,
        /// Record.
        location: crate::spool::Location,
        /// Recipients that are not done yet, by index.
        pending: Vec<u32>,
    },
    /// There is no such message.
    NotFound,
    /// Not for this caller, or not understood.
    Refused(String),
}
