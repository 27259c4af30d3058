//! From the door to the active queue: what intake processes say, and the envelope, resolving and
//! assigning of a message whose turn has come.

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc;

use super::books::new_entry;
use super::built_in;
use super::event::Event;
use super::queue::{Queue, now};
use super::resolve::{Attempt, Resolved, resolve};
use super::roster::{AHEAD, Piece};
use super::scheduler::{Done, Entry, Key, Queue as Place, Scheduler};
use super::settings::{BuiltIn, Settings};
use super::sites::Sites;
use super::work::{NONE, Work, aliases, reasons};
use crate::ipc::queue::FromQueue;
use crate::mail::address::quote_822;
use crate::mail::envelope::{Envelope, Recipient};
use crate::mail::outcome::Outcome;
use crate::mail::status::Status;
use crate::spool::{Location, Notice, Segment, SegmentScan, SpoolError, scan_writer};

/// Envelopes of messages that wait for a place among the active ones, and recipients that one of
/// them has at most; others are read back when their turn comes.
const KEPT_ENVELOPES: usize = 20_000;
const KEPT_RECIPIENTS: usize = 20;

/// Records of a segment that are taken in at a time.
const PIECE: usize = 500;

/// Reads the segments of a writer, and passes on what is in them. Only of a segment that was
/// `full` before can be said afterwards that nothing else is in it.
fn read_again(
    directory: &Path,
    writer: u32,
    full: &HashSet<Segment>,
    events: &mpsc::Sender<Event>,
) -> Result<(), SpoolError> {
    for found in scan_writer(directory, writer)? {
        let mut found = found?;
        let SegmentScan { writer, segment, generation, .. } = found;
        let was_full = full.contains(&Segment { writer, segment, generation });
        loop {
            let rest = found.records.split_off(PIECE.min(found.records.len()));
            let last = rest.is_empty();
            let records = std::mem::replace(&mut found.records, rest);
            let piece = SegmentScan { records, ..found.empty() };
            let event = Event::Scanned { found: piece, was_full: was_full && last };
            if events.blocking_send(event).is_err() || last {
                break;
            }
        }
    }
    Ok(())
}

/// Where a message is put that has come in or was found.
pub(super) struct Shelves<'a> {
    pub(super) scheduler: &'a mut Scheduler,
    pub(super) fresh: &'a mut HashMap<Key, Box<Envelope>, foldhash::fast::RandomState>,
    pub(super) sites: &'a mut Sites,
    pub(super) to_requeue: &'a mut Vec<(Key, Location)>,
    pub(super) settings: &'a Settings,
}

impl Shelves<'_> {
    pub(super) fn put(&mut self, entry: Entry, envelope: Box<Envelope>) {
        let keep = entry.queue == Place::Incoming
            && self.fresh.len() < KEPT_ENVELOPES
            && envelope.recipients.len() <= KEPT_RECIPIENTS;
        let (requeue, location) = (entry.marks.requeue, entry.location);
        let deferred = entry.queue == Place::Deferred;
        let open: Vec<u32> =
            if deferred { entry.open(envelope.recipients.len()) } else { Vec::new() };
        let key = self.scheduler.add(entry, now());
        if deferred {
            let of =
                |index: &u32| envelope.recipients.get(*index as usize).map(|r| r.address.clone());
            self.sites.note(&self.settings.fast_flush, key, open.iter().filter_map(of));
        }
        if keep {
            self.fresh.insert(key, envelope);
        }
        if requeue {
            self.to_requeue.push((key, location));
        }
    }
}

impl Queue {
    fn take_in(&mut self, found: Vec<(Entry, Box<Envelope>)>) {
        let Self { scheduler, fresh, sites, to_requeue, settings, .. } = self;
        let mut shelves = Shelves { scheduler, fresh, sites, to_requeue, settings };
        found.into_iter().for_each(|(entry, envelope)| shelves.put(entry, envelope));
    }

    pub(super) fn intake(&mut self, writer: u32, recycle: mpsc::UnboundedSender<FromQueue>) {
        for Segment { segment, generation, .. } in self.books.freed_of(writer) {
            let _ = recycle.send(FromQueue::Recycle { segment, generation });
        }
        self.intakes.insert(writer, recycle);
        self.rescan(writer);
    }

    /// Finds the messages of a writer that qmgr has not heard of. Segments are read by a thread
    /// of their own, and taken in piece by piece between other events.
    pub(super) fn rescan(&mut self, writer: u32) {
        match self.scanning.entry(writer) {
            Slot::Occupied(mut under_way) => {
                under_way.insert(true);
                return;
            }
            Slot::Vacant(place) => place.insert(false),
        };
        let directory = self.settings.queue_directory.clone();
        let full: HashSet<Segment> = self.books.full_of(writer).into_iter().collect();
        let events = self.events.clone();
        self.tasks += 1;
        tokio::task::spawn_blocking(move || {
            let failed = read_again(&directory, writer, &full, &events).err();
            let _ = events.blocking_send(Event::ScanEnded { writer, failed });
        });
    }

    /// Takes in what a segment holds.
    pub(super) fn scanned(&mut self, found: SegmentScan, was_full: bool) {
        let mut new = Vec::new();
        self.books.found_again(found, was_full, |entry, envelope| new.push((entry, envelope)));
        self.take_in(new);
    }

    pub(super) fn scan_ended(&mut self, writer: u32, failed: Option<&SpoolError>) {
        if let Some(error) = failed {
            self.log.warning(format_args!("{error}"));
        }
        if self.scanning.remove(&writer) == Some(true) {
            self.rescan(writer);
        }
    }

    pub(super) fn stored(&mut self, location: Location, envelope: Box<Envelope>) {
        if self.books.stored(location) {
            let entry = new_entry(location, &envelope);
            self.take_in(vec![(entry, envelope)]);
        }
    }

    pub(super) fn own_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Full(full) => self.books.full(self.writer.id(), full),
            Notice::Orphan(location, envelope) => self.stored(location, envelope),
        }
    }

    pub(super) fn open_message(&mut self, key: Key) {
        let Some(entry) = self.scheduler.entry(key) else { return };
        let (id, location) = (entry.id, entry.location);
        let mut envelope = match self.fresh.remove(&key) {
            Some(envelope) => envelope,
            None => match self.reader.open(location) {
                Ok(stored) => Box::new(stored.envelope),
                Err(error) => {
                    self.log.warning(format_args!("{id}: {error}: placed on hold"));
                    self.books.held(location, true);
                    self.scheduler.hold_back(key);
                    return;
                }
            },
        };
        let from = self.logged(&envelope.sender);
        let (size, count) = (envelope.size, envelope.recipients.len());
        let nrcpt = count + envelope.deleted_recipients as usize;
        // What cleanup refused is only on its way back: in Postfix it never reaches the queue.
        if envelope.refused.is_none() {
            self.log.info(format_args!(
                "{id}: from=<{from}>, size={size}, nrcpt={nrcpt} (queue active)"
            ));
        }
        let indexes = u32::try_from(count).unwrap_or(u32::MAX);
        let mut unread: Vec<u32> =
            (0..indexes).rev().filter(|index| !entry.done.has(*index)).collect();
        let marks = entry.marks;
        let known = entry.reasons.as_deref().map(reasons).unwrap_or_default();
        // What cleanup made of aliases is told after the first attempt.
        let is_first =
            entry.reasons.is_none() && entry.done == Done::none(envelope.recipients.len());
        let traced = if is_first { aliases(&envelope) } else { Vec::new() };
        let known: Vec<_> = known.into_iter().filter(|(i, _)| !entry.done.has(*i)).collect();
        let expires = marks.force_expire && !known.is_empty();
        if expires {
            // Its defer log says why it is returned; nothing is tried any more.
            unread.clear();
        }
        // One message goes out for all whom a redirect concerns.
        let most = if envelope.redirect.is_some() { 1 } else { unread.len() };
        let first = self.scheduler.opened(key, most.min(unread.len()));
        let piece = (first < most).then(|| {
            let recipients = std::mem::take(&mut envelope.recipients);
            self.keep_piece(Piece::default(), recipients, &unread, first)
        });
        let mut work = Work {
            id,
            location,
            envelope: Arc::from(envelope),
            count,
            piece,
            activated: now(),
            unread,
            rewritten: Vec::new(),
            failed: Vec::new(),
            delayed: Vec::new(),
            traced,
            forwarding: 0,
            tried: false,
            report_cleared: self.settings.confirm_delay_cleared && marks.warned,
        };
        if expires {
            work.recall(known);
        }
        if work.envelope.trace.verify {
            self.probes += 1;
        }
        self.work.insert(key, work);
        self.next_batch(key, first);
    }

    /// Keeps the next `count` recipients of a long list in memory, and those after them if there is
    /// room. `unread` has the last one first.
    fn keep_piece(
        &mut self,
        mut piece: Piece,
        all: Vec<Recipient>,
        unread: &[u32],
        count: usize,
    ) -> Piece {
        self.ahead = self.ahead.saturating_sub(piece.ahead);
        let room = self.settings.limits.active_recipients.saturating_sub(self.ahead).min(AHEAD);
        let (rest, now) = unread.split_at(unread.len().saturating_sub(count));
        let (_, next) = rest.split_at(rest.len().saturating_sub(room));
        piece.keep(all, now, next);
        self.ahead += piece.ahead;
        piece
    }

    pub(super) fn logged<'a>(&self, address: &'a str) -> std::borrow::Cow<'a, str> {
        if self.settings.quote_logged { quote_822(address) } else { address.into() }
    }

    /// Resolves the next recipients of an active message.
    pub(super) fn next_batch(&mut self, key: Key, count: usize) {
        let Some(entry) = self.scheduler.entry(key) else { return };
        let marks = entry.marks;
        let Some(work) = self.work.get_mut(&key) else { return };
        work.tried = false;
        if work.unread.is_empty() {
            self.scheduler.assign(key, Vec::new(), now());
            return;
        }
        let count = if work.envelope.redirect.is_some() { work.unread.len() } else { count };
        let rest = work.unread.len().saturating_sub(count);
        if let Err(error) = self.read_piece(key, count) {
            return self.unreadable(key, rest, &error);
        }
        let Some(work) = self.work.get_mut(&key) else { return };
        let recipients = work.unread.split_off(rest);
        let attempt = Attempt {
            flushed: marks.flush || marks.flush_all,
            expired: marks.force_expire,
            crowded: work.envelope.trace.verify && self.probes > self.settings.most_probes,
        };
        let resolving = resolve(
            self.settings.clone(),
            self.rewrite.clone(),
            work.roster(&recipients),
            recipients,
            attempt,
        );
        let mut resolving: Pin<Box<dyn Future<Output = Resolved> + Send>> = Box::pin(resolving);
        // Most answers are there at once: tables in memory need no waiting, and no task.
        let mut context = Context::from_waker(Waker::noop());
        match resolving.as_mut().poll(&mut context) {
            Poll::Ready(resolved) => self.resolved(key, resolved),
            Poll::Pending => {
                let events = self.events.clone();
                self.tasks += 1;
                tokio::spawn(async move {
                    let resolved = resolving.await;
                    let _ = events.send(Event::Resolved { message: key, resolved }).await;
                });
            }
        }
    }

    /// Has the next recipients of a long list in memory.
    fn read_piece(&mut self, key: Key, count: usize) -> Result<(), SpoolError> {
        let Some(work) = self.work.get_mut(&key) else { return Ok(()) };
        let Some(piece) = &mut work.piece else { return Ok(()) };
        let (_, now) = work.unread.split_at(work.unread.len().saturating_sub(count));
        if !piece.has_all(now) {
            let all = self.reader.open(work.location)?.envelope.recipients;
            let (piece, unread) = (std::mem::take(piece), std::mem::take(&mut work.unread));
            let piece = self.keep_piece(piece, all, &unread, count);
            if let Some(work) = self.work.get_mut(&key) {
                (work.piece, work.unread) = (Some(piece), unread);
            }
        }
        if let Some(piece) = self.work.get_mut(&key).and_then(|work| work.piece.as_mut()) {
            let taken = piece.ahead.min(count);
            piece.ahead -= taken;
            self.ahead = self.ahead.saturating_sub(taken);
        }
        Ok(())
    }

    /// The rest of a long list cannot be read: it waits. If that does not pass, the message is put
    /// on hold at its next attempt.
    fn unreadable(&mut self, key: Key, rest: usize, error: &SpoolError) {
        let Some(work) = self.work.get_mut(&key) else { return };
        let (id, recipients) = (work.id, work.unread.split_off(rest));
        self.log.warning(format_args!("{id}: {error}: the rest of its recipients waits"));
        for index in recipients {
            let outcome = Outcome::own(Status::new(4, 3, 0), "queue file read error");
            self.settle(key, index, outcome, NONE);
        }
        self.scheduler.assign(key, Vec::new(), now());
    }

    pub(super) fn resolved(&mut self, key: Key, resolved: Resolved) {
        let Resolved { assignments, mut rewritten, dropped, skipped: _ } = resolved;
        if !rewritten.is_empty()
            && let Some(work) = self.work.get_mut(&key)
        {
            work.rewritten.append(&mut rewritten);
            work.rewritten.sort_by_key(|(index, _)| *index);
        }
        for index in dropped {
            self.drop_double_bounce(key, index);
        }
        for assignment in &assignments {
            if !self.scheduler.knows(&assignment.transport) {
                let limits = self.settings.transport_limits(&assignment.transport);
                for complaint in self.settings.complaints(&assignment.transport) {
                    self.log.warning(format_args!("{complaint}"));
                }
                self.scheduler.transport(&assignment.transport, limits);
            }
        }
        self.scheduler.assign(key, assignments, now());
    }

    /// Mail for the double-bounce address ends here: nobody hears of a lost notice to the
    /// postmaster.
    pub(super) fn drop_double_bounce(&mut self, key: Key, index: u32) {
        let Some(work) = self.work.get(&key) else { return };
        let request = work.request(
            0,
            "2.0.0 undeliverable postmaster notification discarded",
            &[index],
            false,
            false,
        );
        let outcome =
            built_in::deliver(BuiltIn::Discard, &request, &self.settings, &self.log, now());
        self.settle(key, index, outcome, NONE);
    }
}
