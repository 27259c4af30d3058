//! What qmgr writes down so that a restart forgets nothing, and which segments are free again.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use super::scheduler::{Done, Entry, Marks, Queue};
use crate::mail::envelope::{Envelope, Timestamp};
use crate::mail::queue_id::QueueId;
use crate::spool::{
    Event, Found, Full, Key, Ledger, Location, Segment, SegmentScan, SpoolError, StateLog, scan,
    sweep,
};

/// Kinds of [`Event::Noted`].
const REASONS: u8 = 1;
const MARKS: u8 = 2;

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    log: Arc<StateLog>,
    ledger: Ledger,
    /// Segments whose freeing is on its way to the disk.
    freeing: HashSet<Segment>,
    /// Something has died since the last look at free segments.
    dirty: bool,
    known_reasons: Reasons,
}

/// What the state log said about a message. Small: there may be millions of them.
#[derive(Debug, Default)]
struct Remembered {
    next: Option<NonZeroU64>,
    reasons: Option<Arc<[u8]>>,
    /// Recipients that are done, of a message with several.
    done: Option<Box<Recipients>>,
    held: Option<bool>,
    marks: u8,
}

#[derive(Debug, Default)]
struct Recipients(Vec<u32>);

/// Everything that the state log said.
#[derive(Debug, Default)]
pub(super) struct Memory {
    messages: HashMap<Key, Remembered, foldhash::fast::RandomState>,
    reasons: Reasons,
}

/// Reasons for waiting are often the same for very many messages: a site that is down. Those that
/// were met last are kept once.
#[derive(Debug, Default)]
struct Reasons {
    known: HashSet<Arc<[u8]>, foldhash::fast::RandomState>,
}

/// How many different ones are known at a time.
const REASONS_KNOWN: usize = 4096;

impl Reasons {
    fn one(&mut self, reasons: Arc<[u8]>) -> Arc<[u8]> {
        if let Some(known) = self.known.get(&reasons) {
            return known.clone();
        }
        if self.known.len() >= REASONS_KNOWN {
            self.known.clear();
        }
        self.known.insert(reasons.clone());
        reasons
    }
}

impl Books {
    /// Opens the state log and replays it.
    pub(super) fn open(queue_directory: &Path) -> Result<(Self, Memory), SpoolError> {
        let mut ledger = Ledger::default();
        let mut memory = Memory::default();
        let log = StateLog::open_with(queue_directory, &mut |event| {
            ledger.event(&event);
            memory.event(event);
        })?;
        let (freeing, known_reasons) = (HashSet::new(), Reasons::default());
        Ok((Self { log: Arc::new(log), ledger, freeing, dirty: true, known_reasons }, memory))
    }

    fn note(&mut self, event: &Event) {
        self.ledger.event(event);
        self.log.append(event);
    }

    /// A record is on disk. Whether it is a message that is alive and was not known.
    pub(super) fn stored(&mut self, location: Location) -> bool {
        self.ledger.stored(location)
    }

    /// A scan found a record. Whether it is a message that is alive and was not known.
    fn found(&mut self, found: &Found) -> bool {
        self.ledger.found(found)
    }

    /// A segment will get no more records.
    pub(super) fn full(&mut self, writer: u32, full: Full) {
        self.ledger.full(writer, full);
        self.dirty = true;
    }

    /// Recipients are done.
    pub(super) fn done(&mut self, location: Location, recipients: Vec<u32>) {
        self.note(&Event::Done { key: location.key(), recipients });
    }

    /// A message waits, for these reasons.
    pub(super) fn deferred(
        &mut self,
        location: Location,
        next: Timestamp,
        reasons: Option<Arc<[u8]>>,
    ) {
        let key = location.key();
        self.note(&Event::Scheduled { key, next_attempt: next.0, attempts: 0 });
        self.reasons(location, reasons);
    }

    /// These reasons, or others that say the same.
    pub(super) fn shared(&mut self, reasons: Arc<[u8]>) -> Arc<[u8]> {
        self.known_reasons.one(reasons)
    }

    /// Why recipients wait.
    fn reasons(&mut self, location: Location, reasons: Option<Arc<[u8]>>) {
        if let Some(note) = reasons {
            self.note(&Event::Noted { key: location.key(), kind: REASONS, note });
        }
    }

    /// A message is on hold, or no longer.
    pub(super) fn held(&mut self, location: Location, held: bool) {
        let key = location.key();
        self.note(&if held { Event::Held { key } } else { Event::Released { key } });
    }

    /// Marks of a message that outlive a restart.
    pub(super) fn marked(&mut self, location: Location, marks: Marks) {
        let note = [marks_note(marks)].into();
        self.note(&Event::Noted { key: location.key(), kind: MARKS, note });
    }

    /// A message is gone.
    pub(super) fn removed(&mut self, location: Location) {
        self.note(&Event::Removed { key: location.key() });
        self.dirty = true;
    }

    /// A copy has taken the place of a record.
    pub(super) fn moved(&mut self, from: Location, to: Location) {
        self.note(&Event::Moved { from: from.key(), to: to.key() });
        self.dirty = true;
    }

    /// Segments of a writer that will get no more records.
    pub(super) fn full_of(&self, writer: u32) -> Vec<Segment> {
        self.ledger.full_of(writer)
    }

    /// Records of a segment that were read again; `whole` if there is nothing else in it.
    pub(super) fn found_again(
        &mut self,
        scan: SegmentScan,
        whole: bool,
        mut each: impl FnMut(Entry, Box<Envelope>),
    ) {
        let SegmentScan { writer, segment, generation, records, .. } = scan;
        for found in records {
            if self.found(&found) {
                let Found { location, envelope, .. } = found;
                each(new_entry(location, &envelope), Box::new(envelope));
            }
        }
        if whole {
            self.ledger.scanned(Segment { writer, segment, generation });
        }
        self.dirty = true;
    }

    /// Segments that have become free: after [`Books::log`]'s sync their writers may be told.
    pub(super) fn freeable(&mut self) -> Vec<Segment> {
        if !std::mem::take(&mut self.dirty) {
            return Vec::new();
        }
        let mut free = self.ledger.freeable();
        free.retain(|segment| self.freeing.insert(*segment));
        for segment in &free {
            self.log.append(&segment.freed());
        }
        free
    }

    /// The log has it on disk that these are free.
    pub(super) fn freed(&mut self, segments: &[Segment]) {
        for segment in segments {
            self.freeing.remove(segment);
            self.ledger.event(&segment.freed());
        }
    }

    /// What a writer may have missed.
    pub(super) fn freed_of(&self, writer: u32) -> Vec<Segment> {
        self.ledger.freed(writer)
    }

    /// Writers of whose segments qmgr does not know everything.
    pub(super) fn puzzling(&self) -> Vec<u32> {
        let mut writers: Vec<u32> = self.ledger.puzzling().iter().map(|s| s.writer).collect();
        writers.dedup();
        writers
    }

    /// Full segments with at most `most` live records.
    pub(super) fn sparse(&self, most: usize) -> Vec<(Segment, Vec<Key>)> {
        self.ledger.sparse(most)
    }

    /// The state log, to wait for its sync.
    pub(super) fn log(&self) -> Arc<StateLog> {
        self.log.clone()
    }

    /// Replaces the log by a snapshot if it has grown much.
    pub(super) fn compact<'a>(&self, entries: impl Iterator<Item = &'a Entry>) {
        if !self.log.wants_compaction() {
            return;
        }
        let mut live = self.ledger.events();
        for entry in entries {
            snapshot(entry, &mut live);
        }
        self.log.compact(live);
    }

    /// All live messages on disk, at the start.
    pub(super) fn scan(
        &mut self,
        queue_directory: &Path,
        memory: &mut Memory,
        mut each: impl FnMut(Entry, Box<Envelope>),
    ) -> Result<u32, SpoolError> {
        let mut damaged = 0;
        let mut apart_files = HashSet::new();
        for segment in scan(queue_directory)? {
            // One bad segment does not keep the mail in all others from being delivered.
            let Ok(segment) = segment else {
                damaged += 1;
                continue;
            };
            let SegmentScan { writer, segment, generation, records, damaged: bad } = segment;
            damaged += bad;
            for found in records {
                if self.found(&found) {
                    let Found { location, envelope, apart, .. } = found;
                    apart_files.extend(apart);
                    let entry = memory.entry(location, &envelope);
                    each(entry, Box::new(envelope));
                }
            }
            self.ledger.scanned(Segment { writer, segment, generation });
        }
        if damaged == 0 {
            sweep(queue_directory, &apart_files);
        }
        self.dirty = true;
        Ok(damaged)
    }
}

/// The events that rebuild the state of one message.
fn snapshot(entry: &Entry, live: &mut Vec<Event>) {
    let key = entry.location.key();
    let recipients = entry.done.list();
    if !recipients.is_empty() {
        live.push(Event::Done { key, recipients });
    }
    match entry.queue {
        Queue::Hold => live.push(Event::Held { key }),
        Queue::Deferred => {
            live.push(Event::Scheduled { key, next_attempt: entry.next.0, attempts: 0 });
        }
        Queue::Incoming | Queue::Active => live.push(Event::Released { key }),
    }
    if let Some(reasons) = &entry.reasons {
        live.push(Event::Noted { key, kind: REASONS, note: reasons.clone() });
    }
    let note = marks_note(entry.marks);
    if note != 0 {
        live.push(Event::Noted { key, kind: MARKS, note: [note].into() });
    }
}

/// The marks that outlive a restart, one bit each.
fn marks_note(marks: Marks) -> u8 {
    let Marks { force_expire, warned, requeue, .. } = marks;
    u8::from(force_expire) | u8::from(warned) << 1 | u8::from(requeue) << 2
}

impl Memory {
    fn event(&mut self, event: Event) {
        match event {
            Event::Done { key, recipients } => {
                let remembered = self.messages.entry(key).or_default();
                remembered.done.get_or_insert_default().0.extend(recipients);
            }
            Event::Deferred { .. } => {}
            Event::Scheduled { key, next_attempt, .. } => {
                let remembered = self.messages.entry(key).or_default();
                remembered.next = NonZeroU64::new(next_attempt);
            }
            Event::Held { key } => self.messages.entry(key).or_default().held = Some(true),
            Event::Released { key } => self.messages.entry(key).or_default().held = Some(false),
            Event::Noted { key, kind: REASONS, note } => {
                let note = self.reasons.one(note);
                self.messages.entry(key).or_default().reasons = Some(note);
            }
            Event::Noted { key, kind: MARKS, note } => {
                let marks = note.first().copied().unwrap_or(0);
                self.messages.entry(key).or_default().marks = marks;
            }
            Event::Noted { .. } => {}
            Event::Removed { key } => {
                self.messages.remove(&key);
            }
            Event::Moved { from, to } => {
                if let Some(remembered) = self.messages.remove(&from) {
                    self.messages.insert(to, remembered);
                }
            }
            Event::Freed { writer, segment, generation } => self.messages.retain(|key, _| {
                key.writer != writer || key.segment != segment || key.generation > generation
            }),
        }
    }

    /// The index entry of a record that a scan found.
    fn entry(&mut self, location: Location, envelope: &Envelope) -> Entry {
        let remembered = self.messages.remove(&location.key()).unwrap_or_default();
        let mut entry = new_entry(location, envelope);
        for index in remembered.done.iter().flat_map(|done| &done.0) {
            entry.done.set(*index);
        }
        entry.marks.force_expire = remembered.marks & 1 != 0;
        entry.marks.warned = remembered.marks & 2 != 0;
        entry.marks.requeue = remembered.marks & 4 != 0;
        entry.reasons = remembered.reasons;
        if let Some(next) = remembered.next {
            entry.queue = Queue::Deferred;
            entry.next = Timestamp(next.get());
        }
        match remembered.held {
            Some(true) => entry.queue = Queue::Hold,
            Some(false) if entry.queue == Queue::Hold => entry.queue = Queue::Deferred,
            _ => {}
        }
        entry
    }
}

/// The index entry of a new message.
pub(super) fn new_entry(location: Location, envelope: &Envelope) -> Entry {
    let arrival = envelope.arrival;
    let created = if envelope.created.0 == 0 { arrival } else { envelope.created };
    let delay = u64::from(envelope.delay) * 1_000_000;
    let marks = Marks {
        null_sender: envelope.sender.is_empty(),
        apart: envelope.content_length > u64::from(location.length),
        alone: envelope.verp.is_some() && !envelope.sender.is_empty(),
        ..Marks::default()
    };
    Entry {
        id: envelope.queue_id.unwrap_or(QueueId::NONE),
        location,
        arrival,
        created,
        next: Timestamp(arrival.0 + delay),
        queue: if envelope.hold { Queue::Hold } else { Queue::Incoming },
        marks,
        done: Done::none(envelope.recipients.len()),
        reasons: None,
    }
}
