//! Intake (smtpd, pickup) to qmgr, over `private/queue`: which messages have been committed,
//! and back: which segments may be used again.

use serde::{Deserialize, Serialize};

use crate::mail::envelope::Envelope;
use crate::spool::{Full, Location};

/// From an intake process to qmgr.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToQueue {
    /// The first frame: which spool directory this process writes.
    Hello {
        /// See [`crate::spool::Writer::id`].
        writer: u32,
    },
    /// A message that is safely on disk and was, or is about to be, acknowledged.
    Stored {
        /// Where its record lies.
        location: Location,
        /// Its envelope, so that qmgr reads nothing back.
        envelope: Box<Envelope>,
    },
    /// The segment is full: no further records will come in it. Sent for each full segment after
    /// every [`ToQueue::Hello`] as well.
    SegmentFull(Full),
}

/// From qmgr to an intake process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromQueue {
    /// Nothing in that segment is alive, and the state log says so on disk: use it again.
    Recycle {
        /// Number of the segment within the writer's directory.
        segment: u64,
        /// Which use of it is over.
        generation: u32,
    },
}
