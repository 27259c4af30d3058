//! The spool: where accepted mail is safe.
//!
//! ```text
//! queue_directory/segments/<writer>/<number>   records of accepted messages, one writer each
//! queue_directory/segments/<writer>/big-<n>    large bodies, one file each
//! queue_directory/state/<number>               qmgr's log of outcomes
//! ```
//!
//! Each process that takes mail in owns one writer directory (a lock file says so), appends
//! records to its current segment, and acknowledges a message only after the record is on disk
//! ([`Writer::append`] returns then). Many sessions share one fdatasync. qmgr knows which
//! records are alive ([`Ledger`]) and tells the owner which segments may be used again.
//!
//! After a crash the queue is what [`scan`] finds less what the [`StateLog`] says is done.

mod blank;
mod committer;
mod disk;
mod format;
mod ids;
mod ledger;
mod reader;
mod record;
mod scan;
mod segments;
mod state;
mod state_log;
mod store;
mod writer;

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::disk::{Access, Disk, DiskFile, Lock, RealDisk};
pub use self::ids::QueueIds;
pub use self::ledger::{Ledger, Segment};
pub use self::reader::{Reader, Stored, StoredContent};
pub use self::scan::{Found, Scan, SegmentScan, scan, scan_on, scan_writer, sweep};
pub use self::segments::Full;
pub use self::state::{Event, State, encode};
pub use self::state_log::StateLog;
pub use self::store::{Content, INLINE_MAX, ScratchFile, Settings, Store};
pub use self::writer::{Notice, Writer};

/// Where a record lies.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Location {
    /// The writer's directory.
    pub writer: u32,
    /// Segment in it.
    pub segment: u64,
    /// How often that segment has been used: a record of an earlier use is never taken for it.
    pub generation: u32,
    /// Byte offset of the record.
    pub offset: u64,
    /// Length of the whole record in the segment.
    pub length: u32,
}

impl Location {
    /// The record's name in the state log.
    pub fn key(self) -> Key {
        let Self { writer, segment, generation, offset, .. } = self;
        Key { writer, segment, generation, offset }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writer, segment, generation, offset, .. } = self;
        write!(f, "segments/{writer}/{segment} generation {generation} offset {offset}")
    }
}

/// Names a record for ever: no other record will have the same key, whatever crashes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct Key {
    /// See [`Location`].
    pub writer: u32,
    /// See [`Location`].
    pub segment: u64,
    /// See [`Location`].
    pub generation: u32,
    /// See [`Location`].
    pub offset: u64,
}

/// Why a message could not be stored. All of them mean 4xx to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// No room.
    #[error("insufficient system storage: {0}")]
    Full(String),
    /// The disk failed.
    #[error("queue file write error: {0}")]
    Failed(String),
    /// A record is missing or damaged.
    #[error("damaged queue record: {0}")]
    Damaged(String),
}

impl SpoolError {
    /// What was tried on which file, and what came of it.
    fn io(what: &str, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let text = format!("{what} {}: {error}", path.display());
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => Self::Full(text),
            _ => Self::Failed(text),
        }
    }
}
