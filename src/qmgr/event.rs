//! What the tasks of qmgr tell the one that owns the queue.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::notices::Noticed;
use super::resolve::Resolved;
use super::scheduler::{self, Queue};
use crate::ipc::control::{FromQmgr, ToQmgr};
use crate::ipc::delivery::{FromAgent, Request};
use crate::ipc::queue::{FromQueue, ToQueue};
use crate::mail::envelope::{Envelope, Timestamp};
use crate::mail::queue_id::QueueId;
use crate::spool::{Location, Segment, SegmentScan, SpoolError};

/// Messages with their records.
pub(super) type Stored = Vec<(Location, Box<Envelope>)>;

/// An event.
pub(super) enum Event {
    /// An intake process has said who it is, and hears through `recycle`.
    Intake { writer: u32, recycle: mpsc::UnboundedSender<FromQueue> },
    /// It has said more.
    FromIntake { writer: u32, frames: Vec<ToQueue> },
    /// It has gone.
    IntakeLost { writer: u32 },
    /// An agent has reported.
    Agent { reports: Vec<FromAgent> },
    /// The agent of a transport cannot be reached; these requests did not get to it.
    AgentUnavailable { transport: String, why: String, requests: Vec<Request> },
    /// The agent has gone, and with it these requests.
    AgentLost { transport: String, lost: HashSet<u64> },
    /// The agent has had these requests for longer than anything may take.
    AgentSilent { transport: String, lost: HashSet<u64> },
    /// A writer's segments are being read again: this was found in one of them.
    Scanned { found: SegmentScan, was_full: bool },
    /// The reading is over; what went wrong.
    ScanEnded { writer: u32, failed: Option<SpoolError> },
    /// Recipients have been resolved.
    Resolved { message: scheduler::Key, resolved: Resolved },
    /// Notices have been made.
    Noticed { message: scheduler::Key, noticed: Noticed },
    /// Forwards of a recipient have been queued, or could not be.
    Forwarded { message: scheduler::Key, recipient: u32, stored: Stored, failed: Option<String> },
    /// A message has been put back through cleanup.
    Requeued { message: scheduler::Key, stored: Option<(Location, Box<Envelope>)> },
    /// A command asks for something.
    Control { request: ToQmgr, trusted: bool, answer: oneshot::Sender<FromQmgr> },
    /// showq wants to know of some messages of a queue, from that place in the index on.
    List { queue: Queue, after: usize, answer: oneshot::Sender<Listing> },
    /// The state log is on disk so far.
    Synced { free: Vec<Segment>, result: Result<(), SpoolError> },
    /// An address probe has been put into the queue.
    Probe { stored: (Location, Box<Envelope>) },
    /// Records have been copied out of a sparse segment.
    Moved { moves: Vec<(Location, Location)> },
}

/// Some messages for showq.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) entries: Vec<Listed>,
    /// Where the next part begins; `None` at the end.
    pub(super) next: Option<usize>,
}

impl Listed {
    /// A message as it is shown in `queue`.
    pub(super) fn of(entry: &scheduler::Entry, queue: Queue) -> Self {
        Self {
            id: entry.id,
            queue,
            arrival: entry.arrival,
            forced_expire: entry.marks.force_expire,
            location: entry.location,
            done: entry.done.clone(),
            reasons: entry.reasons.clone(),
        }
    }
}

/// A message as showq gets it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) id: QueueId,
    pub(super) queue: Queue,
    pub(super) arrival: Timestamp,
    pub(super) forced_expire: bool,
    pub(super) location: Location,
    pub(super) done: scheduler::Done,
    pub(super) reasons: Option<Arc<[u8]>>,
}
