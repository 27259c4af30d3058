//! A writer and a qmgr on a simulated disk, and an observer that knows what was promised.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use postfix_rs::mail::envelope::{Envelope, Recipient, Timestamp};
use postfix_rs::spool::{
    Content, Disk, Event, Key, Ledger, Location, Reader, Settings, SpoolError, State, Store,
    encode, scan_on,
};

use crate::disk::{Random, SimulatedDisk};

const QUEUE: &str = "/q";
const SEGMENT: u64 = 8192 + 2048;
const STATE_SEGMENT: u64 = 8192 + 1024;
const INLINE_MAX: u64 = 900;

/// What the observer knows of a message.
#[derive(Debug, Default)]
struct Promise {
    body: Vec<u8>,
    recipients: u32,
    /// The client got its 250.
    acknowledged: bool,
    /// How often each recipient got it.
    delivered: BTreeMap<u32, u64>,
    /// Recipients whose outcome is on disk.
    safe: BTreeSet<u32>,
}

/// A message in qmgr's memory.
#[derive(Clone, Debug)]
struct Queued {
    number: usize,
    location: Location,
    done: BTreeSet<u32>,
}

/// Everything.
pub struct World {
    pub disk: SimulatedDisk,
    pub random: Random,
    promises: Vec<Promise>,
    crashes: u64,
    store: Option<Store>,
    state: Option<State>,
    reader: Reader,
    ledger: Ledger,
    queue: Vec<Queued>,
    /// Events that are not on disk yet.
    pending: Vec<Event>,
    /// Outcomes among them, by message and recipient.
    pending_outcomes: Vec<(usize, u32)>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let disk = SimulatedDisk::new(seed ^ 0xD15C);
        let reader = Reader::on(Arc::new(disk.clone()), Path::new(QUEUE));
        Self {
            disk,
            random: Random(seed),
            promises: Vec::new(),
            crashes: 0,
            store: None,
            state: None,
            reader,
            ledger: Ledger::default(),
            queue: Vec::new(),
            pending: Vec::new(),
            pending_outcomes: Vec::new(),
        }
    }

    /// One random step of life.
    pub fn live(&mut self) {
        match self.random.below(20) {
            0..=6 => {
                let count = 1 + self.random.below(4);
                let sizes: Vec<usize> = (0..count)
                    .map(|_| match self.random.below(8) {
                        0 => 0,
                        1 => 900 + self.random.below(400),
                        // Many of one size: so places of different generations coincide.
                        2..=5 => 100,
                        _ => self.random.below(600),
                    })
                    .collect();
                self.append(&sizes);
            }
            7..=11 => self.deliver(),
            12..=14 => self.sync(),
            15 => self.free(),
            16 => self.compact_log(),
            17 => self.compact_segment(),
            18 => {
                if let Some(store) = &mut self.store {
                    let _ = store.prepare();
                }
            }
            _ => match self.random.below(6) {
                0 => self.disk.kill(),
                1 => self.disk.cut_power(),
                2 => self.restart_writer(),
                3 => self.restart_qmgr(),
                4 => self.disk.set_room(self.disk.used() + self.random.below(30_000)),
                _ => self.disk.set_room(usize::MAX),
            },
        }
        if self.disk.is_dead() {
            self.crash();
        }
    }

    /// Clients hand in messages of these sizes at the same time.
    pub fn append(&mut self, sizes: &[usize]) {
        let Some(store) = &mut self.store else { return self.start() };
        let first = self.promises.len();
        let mut envelopes = Vec::new();
        for (i, &size) in sizes.iter().enumerate() {
            let number = first + i;
            let recipients = 1 + self.random.below(2) as u32;
            let body: Vec<u8> = (0..size).map(|b| (b * 7 + number) as u8).collect();
            let envelope = Envelope {
                arrival: Timestamp(number as u64),
                recipients: vec![Recipient::default(); recipients as usize],
                ..Envelope::default()
            };
            envelopes.push(envelope);
            self.promises.push(Promise { body, recipients, ..Promise::default() });
        }
        let messages = envelopes
            .iter()
            .zip(&self.promises[first..])
            .map(|(envelope, promise)| (envelope, Content::Memory(promise.body.clone())))
            .collect();
        let results = store.append(messages);
        assert_eq!(results.len(), sizes.len());
        for (i, result) in results.into_iter().enumerate() {
            let Ok(location) = result else { continue };
            self.promises[first + i].acknowledged = true;
            if self.state.is_none() {
                // qmgr is away: its scan will find the message.
                continue;
            }
            assert!(self.ledger.stored(location), "a place that was used before: {location}");
            self.queue.push(Queued { number: first + i, location, done: BTreeSet::new() });
        }
        self.hear_full();
    }

    fn hear_full(&mut self) {
        if let Some(store) = &mut self.store {
            for full in store.take_full() {
                self.ledger.full(store.id(), full);
            }
        }
    }

    /// Delivers a message to one of its recipients.
    pub fn deliver(&mut self) {
        if self.queue.is_empty() || self.state.is_none() {
            return;
        }
        let at = self.random.below(self.queue.len());
        let queued = self.queue[at].clone();
        // A failed read: later.
        let Ok(content) = self.reader.content(queued.location) else { return };
        let Ok(body) = content.read_all() else { return };
        let promise = &mut self.promises[queued.number];
        assert_eq!(body, promise.body, "something torn was delivered");
        let Some(recipient) = (0..promise.recipients).find(|r| !queued.done.contains(r)) else {
            return;
        };
        assert!(!promise.safe.contains(&recipient), "delivered again though that was on disk");
        let times = promise.delivered.entry(recipient).or_default();
        *times += 1;
        assert!(*times <= 1 + self.crashes, "delivered more than once per crash");
        self.queue[at].done.insert(recipient);
        let all = self.queue[at].done.len() == promise.recipients as usize;
        let key = queued.location.key();
        self.pending_outcomes.push((queued.number, recipient));
        if all {
            self.queue.swap_remove(at);
            self.happened(Event::Removed { key });
        } else {
            self.happened(Event::Done { key, recipients: vec![recipient] });
        }
    }

    fn happened(&mut self, event: Event) {
        self.ledger.event(&event);
        self.pending.push(event);
    }

    /// Writes down what happened.
    pub fn sync(&mut self) {
        let Some(state) = &mut self.state else { return self.start() };
        while !self.pending.is_empty() {
            let mut encoded = Vec::new();
            let mut taken = 0;
            for event in &self.pending {
                encoded = encode(event, encoded).unwrap();
                taken += 1;
                if encoded.len() > state.chunk_max() / 2 {
                    break;
                }
            }
            if state.append(encoded).is_err() {
                return;
            }
            self.pending.drain(..taken);
        }
        self.outcomes_are_safe();
    }

    fn outcomes_are_safe(&mut self) {
        for (number, recipient) in self.pending_outcomes.drain(..) {
            self.promises[number].safe.insert(recipient);
        }
    }

    /// Gives dead segments back to the writer.
    pub fn free(&mut self) {
        if self.state.is_none() {
            return;
        }
        let freeable = self.ledger.freeable();
        for segment in &freeable {
            self.pending.push(segment.freed());
        }
        self.sync();
        if !self.pending.is_empty() {
            return;
        }
        for segment in freeable {
            self.ledger.event(&segment.freed());
            if let Some(store) = &mut self.store
                && store.id() == segment.writer
            {
                store.recycle(segment.segment, segment.generation);
            }
        }
    }

    /// Makes a snapshot of the state log.
    pub fn compact_log(&mut self) {
        let Some(state) = &mut self.state else { return };
        let mut events = self.ledger.events();
        events.extend(self.queue.iter().filter(|q| !q.done.is_empty()).map(|q| Event::Done {
            key: q.location.key(),
            recipients: q.done.iter().copied().collect(),
        }));
        // Freed segments that were not written down yet stay in `pending`.
        if state.compact(events).is_ok() {
            self.pending.retain(|event| matches!(event, Event::Freed { .. }));
            self.outcomes_are_safe();
        }
    }

    /// Moves what is alive out of a nearly dead segment.
    pub fn compact_segment(&mut self) {
        if self.state.is_none() {
            return;
        }
        let Some((_, keys)) = self.ledger.sparse(2).into_iter().next() else { return };
        for key in keys {
            let Some(at) = self.queue.iter().position(|q| q.location.key() == key) else {
                continue;
            };
            let Some(store) = &mut self.store else { return };
            let Ok(to) = store.move_record(&self.reader, self.queue[at].location) else { return };
            self.queue[at].location = to;
            self.happened(Event::Moved { from: key, to: to.key() });
        }
        self.hear_full();
    }

    /// The whole machine goes down and comes up again.
    pub fn crash(&mut self) {
        self.store = None;
        self.state = None;
        self.crashes += 1;
        self.disk.restart();
        self.start();
    }

    pub fn restart_writer(&mut self) {
        self.store = None;
        self.start();
    }

    pub fn restart_qmgr(&mut self) {
        self.crashes += 1;
        self.state = None;
        self.start();
    }

    /// Starts what is not running. Fails quietly if the disk does: then it is tried again.
    pub fn start(&mut self) {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        if self.state.is_none() {
            let opened = State::open(&disk, &Path::new(QUEUE).join("state"), STATE_SEGMENT, clock);
            let Ok((state, events)) = opened else { return };
            if self.recover(&events) {
                self.state = Some(state);
            }
        }
        if self.store.is_none() {
            let settings =
                Settings { segment_size: SEGMENT, inline_max: INLINE_MAX, keep_free: 3, clock };
            self.store = Store::open(disk, Path::new(QUEUE), settings).ok();
            if let Some(store) = &mut self.store {
                for segment in self.ledger.freed(store.id()) {
                    store.recycle(segment.segment, segment.generation);
                }
            }
        }
        self.hear_full();
    }

    /// qmgr's memory is rebuilt from the disk; the observer compares.
    fn recover(&mut self, events: &[Event]) -> bool {
        let mut ledger = Ledger::default();
        let mut done: BTreeMap<Key, BTreeSet<u32>> = BTreeMap::new();
        for event in events {
            ledger.event(event);
            match event {
                Event::Done { key, recipients } => {
                    done.entry(*key).or_default().extend(recipients);
                }
                Event::Moved { from, to } => {
                    if let Some(moved) = done.remove(from) {
                        done.entry(*to).or_default().extend(moved);
                    }
                }
                _ => {}
            }
        }
        let Ok(scan) = scan_on(Arc::new(self.disk.clone()), Path::new(QUEUE), None) else {
            return false;
        };
        let mut queue: Vec<Queued> = Vec::new();
        for segment in scan {
            let Ok(segment) = segment else { return false };
            for found in segment.records {
                if ledger.found(&found) {
                    let number = found.envelope.arrival.0 as usize;
                    let done = done.get(&found.location.key()).cloned().unwrap_or_default();
                    queue.push(Queued { number, location: found.location, done });
                }
            }
        }
        self.ledger = ledger;
        self.queue = queue;
        self.pending.clear();
        self.pending_outcomes.clear();
        self.check();
        true
    }

    /// Holds the queue against the promises.
    pub fn check(&self) {
        let mut seen = BTreeSet::new();
        for queued in &self.queue {
            assert!(seen.insert(queued.number), "message {} is there twice", queued.number);
            let promise = &self.promises[queued.number];
            for safe in &promise.safe {
                assert!(queued.done.contains(safe), "an outcome on disk was forgotten");
            }
            assert!(promise.safe.len() < promise.recipients as usize, "a dead message came back");
            for done in &queued.done {
                assert!(promise.delivered.contains_key(done), "done though nobody got it");
            }
        }
        for (number, promise) in self.promises.iter().enumerate() {
            let everybody = promise.delivered.len() == promise.recipients as usize;
            assert!(
                !promise.acknowledged || everybody || seen.contains(&number),
                "message {number} was acknowledged and is lost"
            );
        }
    }

    /// The end of a history: after a last power cut everything that was promised is there.
    pub fn finish(&mut self) {
        self.disk.set_room(usize::MAX);
        self.disk.cut_power();
        self.crash();
        assert!(self.store.is_some() && self.state.is_some(), "does not come up again");
        for queued in &self.queue {
            let content = self.reader.content(queued.location).and_then(|content| {
                content.read_all().map_err(|e| SpoolError::Failed(e.to_string()))
            });
            let promise = &self.promises[queued.number];
            // A body of its own that was never synced may be missing behind a record that was
            // never acknowledged.
            if promise.acknowledged || content.is_ok() {
                assert_eq!(content.as_ref(), Ok(&promise.body));
            }
        }
    }

    /// Delivers all there is; then nothing must be left, also after a restart.
    pub fn drain(&mut self) {
        for _ in 0..10_000 {
            if self.queue.is_empty() {
                break;
            }
            self.deliver();
        }
        self.sync();
        self.free();
        for (number, promise) in self.promises.iter().enumerate() {
            let everybody = promise.delivered.len() == promise.recipients as usize;
            assert!(everybody || !promise.acknowledged, "message {number} was never delivered");
        }
        assert!(self.ledger.puzzling().is_empty());
        self.disk.kill();
        self.crash();
        assert!(self.queue.is_empty());
    }
}

/// Seconds; standing still is the worst that can happen to generations.
fn clock() -> u64 {
    1
}
