//! What became of the messages in the segments: the events that qmgr writes down, and the log
//! that holds them, without thread or clock ([`super::StateLog`] adds those).
//!
//! The log is made of the same segments as the messages. A snapshot begins on a fresh segment;
//! once it is whole on disk, all older segments are free.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, Lock};
use super::format::Kind;
use super::record::Record;
use super::scan::Records;
use super::segments::Segments;
use super::{Key, SpoolError};

/// Length of a segment of the state log in bytes.
pub(super) const SEGMENT_SIZE: u64 = 1 << 20;

/// Stands in segment headers where the number of the writer would be.
const NO_WRITER: u32 = u32::MAX;

/// Events of a snapshot are put into records of about this many bytes.
const CHUNK: usize = 64 << 10;

/// So many records of a snapshot are written at a time.
const BATCH: usize = 64;

/// Something that a restart must not forget. Replaying an event a second time does no harm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// These recipients, by index, are done: delivered, bounced or expanded. None of them gets
    /// the message again.
    Done {
        /// The message.
        key: Key,
        /// Indexes into its envelope.
        recipients: Vec<u32>,
    },
    /// A recipient has to wait.
    Deferred {
        /// The message.
        key: Key,
        /// Index into its envelope.
        recipient: u32,
        /// Enhanced status code, such as `4.4.1`.
        dsn: String,
        /// Why, as in the log.
        reason: String,
    },
    /// The message as a whole waits until then.
    Scheduled {
        /// The message.
        key: Key,
        /// Microseconds since 1970.
        next_attempt: u64,
        /// Attempts so far.
        attempts: u32,
    },
    /// On hold.
    Held {
        /// The message.
        key: Key,
    },
    /// No longer on hold.
    Released {
        /// The message.
        key: Key,
    },
    /// Anything else that qmgr wants to remember about a message, in its own encoding; a later
    /// one of the same kind replaces it.
    Noted {
        /// The message.
        key: Key,
        /// Which note.
        kind: u8,
        /// What it says. Messages that say the same may share it.
        note: Arc<[u8]>,
    },
    /// The message is finished or deleted.
    Removed {
        /// The message.
        key: Key,
    },
    /// The record was copied, the copy is on disk, and takes its place: state and all.
    Moved {
        /// The old record, dead from now on.
        from: Key,
        /// The copy.
        to: Key,
    },
    /// Everything in that generation of the segment, and in earlier ones, is dead. Replaces all
    /// other events about records in it.
    Freed {
        /// Whose segment.
        writer: u32,
        /// Number of the segment.
        segment: u64,
        /// Generation.
        generation: u32,
    },
}

/// The state log without thread or clock.
#[derive(Debug)]
pub struct State {
    segments: Segments,
    snapshot_segments: usize,
    _lock: Lock,
}

impl State {
    /// Opens the log in that directory, which only one process may do, and replays it.
    pub fn open(
        disk: &Arc<dyn Disk>,
        directory: &Path,
        segment_size: u64,
        clock: fn() -> u64,
    ) -> Result<(Self, Vec<Event>), SpoolError> {
        let mut events = Vec::new();
        let each = &mut |event| events.push(event);
        let state = Self::open_with(disk, directory, segment_size, clock, each)?;
        Ok((state, events))
    }

    /// The same, where `each` gets the events, the oldest first: a log may be much longer than
    /// what is left of it in the end.
    pub fn open_with(
        disk: &Arc<dyn Disk>,
        directory: &Path,
        segment_size: u64,
        clock: fn() -> u64,
        each: &mut dyn FnMut(Event),
    ) -> Result<Self, SpoolError> {
        disk.create_directory(directory).map_err(|e| SpoolError::io("make", directory, &e))?;
        let path = directory.join("lock");
        let lock = disk
            .lock(&path)
            .map_err(|e| SpoolError::io("lock", &path, &e))?
            .ok_or_else(|| SpoolError::Failed(format!("lock {}: in use", path.display())))?;
        let parent = directory.parent().unwrap_or(directory);
        for made in [directory, parent] {
            disk.sync_directory(made).map_err(|e| SpoolError::io("sync", made, &e))?;
        }
        let segments = Segments::open(Arc::clone(disk), directory, NO_WRITER, segment_size, clock)?;
        segments.all_readable()?;
        replay(&**disk, directory, &segments, each)?;
        let used = segments.in_use().len();
        Ok(Self { segments, snapshot_segments: used, _lock: lock })
    }

    /// Appends encoded events (see [`encode`]) and waits until they are on disk.
    pub fn append(&mut self, encoded: Vec<u8>) -> Result<(), SpoolError> {
        self.write(vec![Record::events(Kind::Events, encoded)?])
    }

    /// Puts a snapshot in place of everything that has been appended: events that rebuild the
    /// present state.
    pub fn compact(&mut self, live: impl IntoIterator<Item = Event>) -> Result<(), SpoolError> {
        self.segments.finish_current();
        let old = self.segments.in_use();
        let mut records = vec![Record::events(Kind::SnapshotBegin, Vec::new())?];
        let mut chunk = Vec::new();
        for event in live {
            chunk = encode(&event, chunk)?;
            if chunk.len() >= CHUNK.min(self.chunk_max()) {
                records.push(Record::events(Kind::Snapshot, std::mem::take(&mut chunk))?);
                if records.len() >= BATCH {
                    self.write(std::mem::take(&mut records))?;
                }
            }
        }
        if !chunk.is_empty() {
            records.push(Record::events(Kind::Snapshot, chunk)?);
        }
        self.write(records)?;
        // The end is written only when everything before it is safe.
        self.write(vec![Record::events(Kind::SnapshotEnd, Vec::new())?])?;
        for (segment, generation) in old {
            self.segments.recycle(segment, generation);
        }
        self.segments.shrink(8);
        self.snapshot_segments = self.segments.in_use().len();
        Ok(())
    }

    /// Whether the log has grown so much since the last snapshot that a new one pays.
    pub fn wants_compaction(&self) -> bool {
        self.segments.in_use().len() > 2 * self.snapshot_segments + 4
    }

    /// Longest encoding that [`State::append`] takes.
    pub fn chunk_max(&self) -> usize {
        usize::try_from(self.segments.capacity() / 2).unwrap_or(usize::MAX)
    }

    /// Makes a segment ahead of need, if that is due.
    pub fn prepare(&mut self) -> Result<(), SpoolError> {
        if self.segments.wants_spare() { self.segments.prepare().map(drop) } else { Ok(()) }
    }

    fn write(&mut self, mut records: Vec<Record>) -> Result<(), SpoolError> {
        for result in self.segments.append(&mut records) {
            result?;
        }
        self.segments.take_full();
        Ok(())
    }
}

/// Appends an event to `to`.
pub fn encode(event: &Event, to: Vec<u8>) -> Result<Vec<u8>, SpoolError> {
    postcard::to_extend(event, to).map_err(|e| SpoolError::Failed(format!("cannot encode: {e}")))
}

/// Gives the events since and with the last whole snapshot to `each`. The log is read twice: where
/// that snapshot begins is known only at the end.
fn replay(
    disk: &dyn Disk,
    directory: &Path,
    segments: &Segments,
    each: &mut dyn FnMut(Event),
) -> Result<(), SpoolError> {
    let mut survey = Survey::default();
    each_record(disk, directory, segments, &mut |kind, _| survey.record(kind))?;
    let mut number = 0;
    each_record(disk, directory, segments, &mut |kind, body| {
        if survey.counts(number, kind) {
            decode(body, each);
        }
        number += 1;
    })
}

/// All whole records of the log, in the order of writing. Without its body a record is what a crash
/// left of events nobody relied upon: it comes with none.
fn each_record(
    disk: &dyn Disk,
    directory: &Path,
    segments: &Segments,
    each: &mut dyn FnMut(Kind, &[u8]),
) -> Result<(), SpoolError> {
    let mut logs = Vec::new();
    for (number, _) in segments.in_use() {
        let path = directory.join(number.to_string());
        let failed = |e: std::io::Error| SpoolError::io("read", &path, &e);
        if let Some(records) = Records::open(disk, &path).map_err(failed)? {
            logs.push((records.segment.sequence, path));
        }
    }
    logs.sort_unstable();
    for (_, path) in logs {
        let failed = |e: std::io::Error| SpoolError::io("read", &path, &e);
        let Some(mut records) = Records::open(disk, &path).map_err(failed)? else { continue };
        while let Some((header, body)) = records.next_record().map_err(failed)? {
            each(header.kind, body.unwrap_or_default());
        }
    }
    Ok(())
}

/// Which records count.
#[derive(Default)]
struct Survey {
    number: usize,
    /// Where a snapshot began that is not whole yet.
    open: Option<usize>,
    /// The first and the last record of the last whole snapshot.
    whole: Option<(usize, usize)>,
}

impl Survey {
    fn record(&mut self, kind: Kind) {
        match kind {
            Kind::SnapshotBegin => self.open = Some(self.number),
            Kind::SnapshotEnd => {
                if let Some(begin) = self.open.take() {
                    self.whole = Some((begin, self.number));
                }
            }
            Kind::Events => self.open = None,
            Kind::Snapshot | Kind::Message | Kind::Elsewhere => {}
        }
        self.number += 1;
    }

    /// Whether the events in that record are part of the present state.
    fn counts(&self, number: usize, kind: Kind) -> bool {
        match (kind, self.whole) {
            (Kind::Events, Some((begin, _))) => number > begin,
            (Kind::Events, None) => true,
            (Kind::Snapshot, Some((begin, end))) => begin < number && number < end,
            _ => false,
        }
    }
}

fn decode(mut bytes: &[u8], each: &mut dyn FnMut(Event)) {
    while !bytes.is_empty()
        && let Ok((event, rest)) = postcard::take_from_bytes(bytes)
    {
        each(event);
        bytes = rest;
    }
}
