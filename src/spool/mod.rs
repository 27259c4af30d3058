//! The spool: where accepted mail is safe.
//!
//! ```text
//! queue_directory/segments/<writer>/<number>   records of accepted messages, one writer each
//! queue_directory/segments/<writer>/big-<n>    large bodies, one file each
//! queue_directory/state/                       qmgr's log of outcomes
//! ```
//!
//! Each process that takes mail in owns one writer directory (a lock file says so), appends
//! records to its current segment, and acknowledges a message only after the record is on disk
//! ([`Writer::append`] returns then). Many sessions share one fdatasync. qmgr knows which
//! records are alive and tells the owner which segments may be used again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::mail::envelope::Envelope;

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

/// The content of a message on its way into the spool.
#[derive(Debug)]
pub enum Content {
    /// Held in memory.
    Memory(Vec<u8>),
    /// An unlinked file in the spool, complete, of that length.
    File(std::fs::File, u64),
}

/// Why a message could not be stored. All of them mean 4xx to the client.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SpoolError {
    /// No room.
    #[error("insufficient system storage: {0}")]
    Full(String),
    /// The disk failed; the writer takes no more mail until it has been reopened.
    #[error("queue file write error: {0}")]
    Failed(String),
    /// A record is missing or damaged.
    #[error("damaged queue record: {0}")]
    Damaged(String),
}

/// Appends records; shared by all sessions of a process.
#[derive(Debug)]
pub struct Writer {
    directory: PathBuf,
}

impl Writer {
    /// Takes the first writer directory below `queue_directory/segments` that no living process
    /// owns, or makes one, repairs its end after a crash, and starts the committer.
    pub fn open(queue_directory: &Path) -> Result<Arc<Self>, SpoolError> {
        Ok(Arc::new(Self { directory: queue_directory.join("segments/0") }))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        0
    }

    /// Appends a message and waits until it is on disk.
    pub async fn append(
        &self,
        envelope: &Envelope,
        content: Content,
    ) -> Result<Location, SpoolError> {
        let _ = (envelope, content, &self.directory);
        Err(SpoolError::Failed("not there".into()))
    }

    /// A fresh unlinked file for content that outgrows memory.
    pub fn scratch_file(&self) -> Result<std::fs::File, SpoolError> {
        Err(SpoolError::Failed("not there".into()))
    }

    /// qmgr says that nothing in that segment is alive.
    pub fn recycle(&self, segment: u64) {
        let _ = segment;
    }
}

/// Reads records; agents and qmgr. Keeps descriptors of recently used segments.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
}

/// A message as read back.
#[derive(Debug)]
pub struct Stored {
    /// Its envelope.
    pub envelope: Envelope,
    /// Its content, with LF line ends.
    pub content: StoredContent,
}

/// Content in the spool, read by position.
#[derive(Debug)]
pub struct StoredContent {
    file: Arc<std::fs::File>,
    offset: u64,
    length: u64,
}

impl Reader {
    /// Reads below `queue_directory/segments`.
    pub fn new(queue_directory: &Path) -> Self {
        Self { directory: queue_directory.join("segments") }
    }

    /// Envelope and content of a record.
    pub fn open(&self, location: Location) -> Result<Stored, SpoolError> {
        let _ = (location, &self.directory);
        Err(SpoolError::Damaged("not there".into()))
    }

    /// Only the content, where the envelope is known.
    pub fn content(&self, location: Location) -> Result<StoredContent, SpoolError> {
        let _ = location;
        Err(SpoolError::Damaged("not there".into()))
    }
}

impl StoredContent {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Reads up to `buffer.len()` bytes at `position` of the content; returns how many, 0 at the end.
    pub fn read_at(&self, position: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        let left = self.length.saturating_sub(position);
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..want) else { return Ok(0) };
        self.file.read_at(buffer, self.offset + position)
    }

    /// All of it, for messages known to be small.
    pub fn read_all(&self) -> std::io::Result<Vec<u8>> {
        let mut all = vec![0; usize::try_from(self.length).map_err(std::io::Error::other)?];
        let mut done = 0;
        while let Some(rest) = all.get_mut(done..)
            && !rest.is_empty()
        {
            match self.read_at(done as u64, rest)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                n => done += n,
            }
        }
        Ok(all)
    }
}
