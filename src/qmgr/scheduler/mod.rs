//! The schedule of the queue, as a pure state machine: events in, [`Action`]s out, time is an
//! argument. It knows no file, socket, clock or table.
//!
//! ```text
//! arrive ─ incoming ─┐                        ┌─ Done ─ remove
//!                    ├─ Open ─ assign ─ Deliver ─ reported ─ Tried ─┤
//! deferred ─ due ────┘                        └─ defer, hold
//! ```
//!
//! Fairness: incoming and deferred mail take turns for places among the active messages; the
//! first of them that a destination has room for is delivered, and its destinations take turns;
//! a long message pays for its place with turns for short ones behind it (`job`, `preempt`), and
//! has a bounded number of recipients in memory (`reading`).

mod destination;
mod index;
mod job;
mod limits;
mod slab;
mod transport;

mod admin;
mod dispatch;
mod preempt;
mod reading;
#[cfg(test)]
mod list_tests;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

pub use self::admin::Deleted;
pub use self::index::{Done, Entry, Key, Marks, Queue};
pub use self::limits::{Feedback, Limits, Slots, TransportLimits};

use self::destination::Destination;
use self::index::Index;
use self::job::Job;
use self::slab::Slab;
use self::transport::Transport;
use crate::ipc::delivery::Failure;
use crate::mail::envelope::Timestamp;
use crate::mail::queue_id::QueueId;

/// What the scheduler wants done.
#[derive(Debug, PartialEq)]
pub enum Action {
    /// The message has become active: read its envelope, say [`Scheduler::opened`], resolve as many
    /// recipients as that returns, and answer with [`Scheduler::assign`].
    Open(Key),
    /// There is room for so many more of its recipients: resolve them, and answer with
    /// [`Scheduler::assign`].
    More(Key, usize),
    /// Hand this to the transport; answer with [`Scheduler::reported`] and
    /// [`Scheduler::finished`].
    Deliver(Delivery),
    /// These recipients got no answer from the agent that had them: defer them.
    Unanswered(Key, Vec<u32>),
    /// All assigned recipients have been tried: assign more, or decide with
    /// [`Scheduler::defer`], [`Scheduler::hold_back`] or [`Scheduler::remove`].
    Tried(Key),
}

/// One delivery.
#[derive(Debug, PartialEq)]
pub struct Delivery {
    /// Its number, never used again.
    pub number: u64,
    /// Of which message.
    pub message: Key,
    /// By which transport.
    pub transport: Arc<str>,
    /// To which next hop.
    pub nexthop: Arc<str>,
    /// For which recipients of the envelope.
    pub recipients: Vec<u32>,
    /// Whether the connection is worth keeping.
    pub reuse: bool,
}

/// Where one recipient goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Its index in the envelope.
    pub recipient: u32,
    /// master.cf name.
    pub transport: Arc<str>,
    /// Next hop.
    pub nexthop: Arc<str>,
    /// The destination that concurrency is counted for, in lower case.
    pub destination: Arc<str>,
}

/// The transport of what cannot be tried now.
pub const RETRY: &str = "retry";

/// How far an active message is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Its recipients are being resolved.
    #[default]
    Opening,
    /// Some of them wait or are in flight.
    Delivering,
    /// All of them have been tried; its owner decides what is next.
    Deciding,
}

/// An active message.
#[derive(Debug, Default)]
struct Active {
    phase: Phase,
    /// As what number it became active, and when.
    turn: u64,
    queued: Timestamp,
    /// Recipients assigned and not reported.
    outstanding: usize,
    /// Recipients that are being resolved.
    reading: usize,
    /// Recipients that have not been asked for yet.
    unread: usize,
    /// When some were asked for last.
    refilled: Timestamp,
    /// What it has at each transport.
    jobs: Vec<u32>,
}

/// A delivery in flight.
#[derive(Debug)]
struct Flight {
    message: Key,
    job: u32,
    destination: u32,
    /// How many recipients it has.
    recipients: usize,
    /// Recipients without an answer.
    waiting: Vec<u32>,
}

/// What happens at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Destination(u32),
    Transport(u32),
    Unlock(u32),
}

/// The scheduler.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    index: Index,
    /// New messages that wait for a place.
    incoming: VecDeque<Key>,
    /// Deferred messages that a flush made due.
    flushed: VecDeque<Key>,
    /// Messages that wait for their time.
    waiting: BTreeSet<(Timestamp, Key)>,
    /// Up to which time the last queue run made waiting messages due.
    horizon: Timestamp,
    next_run: Timestamp,
    /// Whether the next place goes to a deferred message.
    deferred_turn: bool,
    active: HashMap<Key, Active, foldhash::fast::RandomState>,
    active_recipients: usize,
    transports: Slab<Transport>,
    by_name: HashMap<Arc<str>, u32, foldhash::fast::RandomState>,
    destinations: Slab<Destination>,
    jobs: Slab<Job>,
    /// Numbers for whatever takes turns.
    next_turn: u64,
    /// The latest time that was heard of.
    clock: Timestamp,
    flights: HashMap<u64, Flight, foldhash::fast::RandomState>,
    next_number: u64,
    stopped: bool,
    timers: BinaryHeap<Reverse<(Timestamp, Timer)>>,
    actions: VecDeque<Action>,
}

fn later(now: Timestamp, by: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)))
}

impl Scheduler {
    /// An empty queue.
    pub fn new(limits: Limits, now: Timestamp) -> Self {
        let next_run = later(now, limits.queue_run_delay);
        Self {
            limits,
            index: Index::default(),
            incoming: VecDeque::new(),
            flushed: VecDeque::new(),
            waiting: BTreeSet::new(),
            horizon: later(now, std::time::Duration::from_secs(1)),
            next_run,
            deferred_turn: false,
            active: HashMap::default(),
            active_recipients: 0,
            transports: Slab::default(),
            by_name: HashMap::default(),
            destinations: Slab::default(),
            jobs: Slab::default(),
            next_turn: 0,
            clock: now,
            flights: HashMap::default(),
            next_number: 1,
            stopped: false,
            timers: BinaryHeap::new(),
            actions: VecDeque::new(),
        }
    }

    /// Makes a transport known, or changes its limits.
    pub fn transport(&mut self, name: &str, limits: TransportLimits) {
        let limits = limits.agreed();
        if let Some(transport) = self.by_name.get(name).and_then(|k| self.transports.get_mut(*k)) {
            transport.limits = limits;
            return;
        }
        let transport = Transport::new(name, limits);
        let name = transport.name.clone();
        let key = self.transports.insert(transport);
        self.by_name.insert(name, key);
    }

    /// Takes over new limits (a reload).
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Whether a transport of that name is known.
    pub fn knows(&self, transport: &str) -> bool {
        self.by_name.contains_key(transport)
    }

    /// The transports that are known.
    pub fn transport_names(&self) -> Vec<Arc<str>> {
        self.by_name.keys().cloned().collect()
    }

    /// Puts a message into its queue: a new one, or one found at start. Incoming ones whose time
    /// has not come wait for it.
    pub fn add(&mut self, entry: Entry, now: Timestamp) -> Key {
        self.clock = self.clock.max(now);
        let (queue, next) = (entry.queue, entry.next);
        let key = self.index.insert(entry);
        match queue {
            Queue::Hold => {}
            Queue::Deferred => {
                self.waiting.insert((next, key));
            }
            Queue::Incoming | Queue::Active if next > now => {
                self.waiting.insert((next, key));
            }
            Queue::Incoming | Queue::Active => {
                if let Some(entry) = self.index.get_mut(key) {
                    entry.queue = Queue::Incoming;
                }
                self.incoming.push_back(key);
            }
        }
        self.fill();
        key
    }

    /// The entry of a message.
    pub fn entry(&self, key: Key) -> Option<&Entry> {
        self.index.get(key)
    }

    /// The entry of a message, for the marks and recipients that the owner of the queue keeps.
    pub fn entry_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.index.get_mut(key)
    }

    /// A message by queue ID, unless it has been deleted.
    pub fn find(&self, id: QueueId) -> Option<Key> {
        self.index.find(id).filter(|key| self.index.get(*key).is_some_and(|e| !e.marks.deleted))
    }

    /// All messages.
    pub fn entries(&self) -> impl Iterator<Item = (Key, &Entry)> {
        self.index.iter().filter(|(_, entry)| !entry.marks.deleted)
    }

    /// The messages from a place in the index on, for walks that take several turns.
    pub fn entries_from(&self, place: usize) -> impl Iterator<Item = (Key, &Entry)> {
        self.index.from(place)
    }

    /// All keys, for walks that take several turns.
    pub fn keys(&self) -> Vec<Key> {
        self.index.keys()
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next thing to do, if any.
    pub fn action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// No more deliveries: the process is about to end.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// How many deliveries are in flight.
    pub fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// When [`Scheduler::tick`] should be called next.
    pub fn wakeup(&self) -> Timestamp {
        match self.timers.peek() {
            Some(Reverse((time, _))) => self.next_run.min(*time),
            None => self.next_run,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        self.clock = self.clock.max(now);
        if now >= self.next_run {
            self.next_run = later(now, self.limits.queue_run_delay);
            self.horizon = later(now, std::time::Duration::from_secs(1));
            self.fill();
        }
        while let Some(Reverse((time, timer))) = self.timers.peek().copied()
            && time <= now
        {
            self.timers.pop();
            self.ring(timer, now);
        }
    }

    /// Gives the free places among the active messages to incoming and deferred ones, in turn.
    fn fill(&mut self) {
        while self.active.len() < self.limits.active_messages {
            let first = if self.deferred_turn { self.next_due() } else { self.next_incoming() };
            let (key, was_deferred) = match first {
                Some(key) => (key, self.deferred_turn),
                None if self.deferred_turn => match self.next_incoming() {
                    Some(key) => (key, false),
                    None => break,
                },
                None => match self.next_due() {
                    Some(key) => (key, true),
                    None => break,
                },
            };
            self.deferred_turn = !was_deferred;
            if let Some(entry) = self.index.get_mut(key) {
                entry.queue = Queue::Active;
                self.waiting.remove(&(entry.next, key));
                self.next_turn += 1;
                let (turn, queued) = (self.next_turn, self.clock);
                self.active.insert(key, Active { turn, queued, ..Active::default() });
                self.actions.push_back(Action::Open(key));
            }
        }
    }

    fn next_incoming(&mut self) -> Option<Key> {
        while let Some(key) = self.incoming.pop_front() {
            if self.index.get(key).is_some_and(|entry| entry.queue == Queue::Incoming) {
                return Some(key);
            }
        }
        None
    }

    fn next_due(&mut self) -> Option<Key> {
        while let Some(key) = self.flushed.pop_front() {
            if self.index.get(key).is_some_and(|entry| entry.queue == Queue::Deferred) {
                return Some(key);
            }
        }
        let (time, key) = *self.waiting.first()?;
        (time <= self.horizon).then_some(key)
    }

    /// All assigned recipients of the message have been tried and there are no more: wait until
    /// `next`.
    pub fn defer(&mut self, key: Key, next: Timestamp) {
        self.leave_active(key);
        if let Some(entry) = self.index.get_mut(key) {
            entry.queue = Queue::Deferred;
            entry.next = next;
            self.waiting.insert((next, key));
        }
        self.fill();
    }

    /// The same, but it goes on hold.
    pub fn hold_back(&mut self, key: Key) {
        self.leave_active(key);
        if let Some(entry) = self.index.get_mut(key) {
            entry.queue = Queue::Hold;
            entry.marks.hold = false;
        }
        self.fill();
    }

    /// Nothing is left to do for the message.
    pub fn remove(&mut self, key: Key) -> Option<Entry> {
        self.leave_active(key);
        let entry = self.index.remove(key)?;
        self.waiting.remove(&(entry.next, key));
        self.fill();
        Some(entry)
    }

    fn leave_active(&mut self, key: Key) {
        if let Some(entry) = self.index.get_mut(key) {
            entry.marks.flush = false;
            entry.marks.flush_all = false;
            entry.marks.interrupted = false;
        }
        self.all_read(key);
        let Some(active) = self.active.remove(&key) else { return };
        let left = active.outstanding + active.reading;
        self.active_recipients = self.active_recipients.saturating_sub(left);
        for job in active.jobs {
            self.take_back(job);
            if let Some(job) = self.jobs.remove(job)
                && let Some(of) = self.transports.get_mut(job.transport)
            {
                of.in_core = of.in_core.saturating_sub(job.in_core);
            }
        }
    }

    /// When to try a message again: as long as it has been here, within the back-off limits.
    pub fn backoff(&self, created: Timestamp, now: Timestamp) -> Timestamp {
        let age = std::time::Duration::from_micros(now.0.saturating_sub(created.0));
        later(now, age.min(self.limits.maximal_backoff).max(self.limits.minimal_backoff))
    }
}

/// The next hop of the retry transport for mail that waits for `reason`.
fn retry_nexthop(reason: &Failure) -> Arc<str> {
    format!("{} {}", reason.status, reason.text).into()
}
