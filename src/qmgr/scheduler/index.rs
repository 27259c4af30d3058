//! The index: one small entry for each queued message, a few hundred bytes with its reasons.
//!
//! Envelopes are not here: they lie in the spool, and only active messages have theirs in memory.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use super::slab::Slab;
use crate::mail::envelope::Timestamp;
use crate::mail::queue_id::QueueId;
use crate::spool::Location;

/// The number of a message in the index, valid until the message is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub(super) u32);

/// The queue that a message is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Queue {
    /// New, not looked at yet.
    Incoming,
    /// Being delivered.
    Active,
    /// Waits for its next attempt.
    Deferred,
    /// Waits for the administrator.
    Hold,
}

impl Queue {
    /// The name in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Active => "active",
            Self::Deferred => "deferred",
            Self::Hold => "hold",
        }
    }
}

/// Which recipients of a message need nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Recipients 0 to 63.
    Small(u64),
    /// Any number of them.
    Large(Box<[u64]>),
}

impl Done {
    /// None of `count`.
    pub fn none(count: usize) -> Self {
        if count <= 64 { Self::Small(0) } else { Self::Large(vec![0; count.div_ceil(64)].into()) }
    }

    /// Marks one.
    pub fn set(&mut self, index: u32) {
        let bit = 1 << (index % 64);
        match self {
            Self::Small(bits) if index < 64 => *bits |= bit,
            Self::Large(words) => {
                if let Some(word) = words.get_mut(index as usize / 64) {
                    *word |= bit;
                }
            }
            Self::Small(_) => {}
        }
    }

    /// Those that are done.
    pub fn list(&self) -> Vec<u32> {
        let words: &[u64] = match self {
            Self::Small(bits) => std::slice::from_ref(bits),
            Self::Large(words) => words,
        };
        let count = u32::try_from(words.len() * 64).unwrap_or(u32::MAX);
        (0..count).filter(|index| self.has(*index)).collect()
    }

    /// Whether that one is done.
    pub fn has(&self, index: u32) -> bool {
        let word = match self {
            Self::Small(bits) if index < 64 => *bits,
            Self::Small(_) => 0,
            Self::Large(words) => words.get(index as usize / 64).copied().unwrap_or(0),
        };
        word & (1 << (index % 64)) != 0
    }
}

/// Marks of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// `postsuper -e`: return it to the sender at the next attempt.
    pub force_expire: bool,
    /// The delay warning has been sent.
    pub warned: bool,
    /// `postqueue -i`, `-s`: unthrottle its destinations, ignore defer_transports, once.
    pub flush: bool,
    /// Taken up by a queue flush: ignore defer_transports, once.
    pub flush_all: bool,
    /// To be put on hold when the deliveries in flight are over.
    pub hold: bool,
    /// Some of its recipients were taken back while it was active, and have not been tried.
    pub interrupted: bool,
    /// Deleted by the administrator while deliveries were in flight.
    pub deleted: bool,
    /// A notice of the mail system (null sender): bounce_queue_lifetime applies.
    pub null_sender: bool,
    /// `postsuper -r` while qmgr was down: to be taken through cleanup again.
    pub requeue: bool,
    /// Its content has a file of its own.
    pub apart: bool,
    /// Each recipient is delivered to alone: the sender address depends on it (VERP).
    pub alone: bool,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its queue ID.
    pub id: QueueId,
    /// Its record.
    pub location: Location,
    /// When it came in: the first part of `delays=`, and the listing.
    pub arrival: Timestamp,
    /// When its life began, for back-off and expiry.
    pub created: Timestamp,
    /// Next attempt, not before.
    pub next: Timestamp,
    /// Where it is.
    pub queue: Queue,
    /// Marks.
    pub marks: Marks,
    /// Recipients that are done.
    pub done: Done,
    /// Why recipients were deferred at the last attempt: `(index, outcome)` pairs, encoded.
    pub reasons: Option<Arc<[u8]>>,
}

impl Entry {
    /// The recipients, of so many, that are not done.
    pub fn open(&self, count: usize) -> Vec<u32> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        (0..count).filter(|index| !self.done.has(*index)).collect()
    }

    /// The queue that listings show it in.
    pub fn shown_queue(&self) -> Queue {
        if self.marks.hold { Queue::Hold } else { self.queue }
    }
}

impl Key {
    /// Where its entry stands in the index.
    pub fn place(self) -> usize {
        self.0 as usize
    }
}

/// All messages.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Slab<Entry>,
    /// Entries by the hash of their queue IDs: half as long as the IDs are.
    by_hash: HashMap<u64, u32, foldhash::fast::RandomState>,
    /// Those whose hash another one has.
    crowded: HashMap<QueueId, u32>,
    hasher: foldhash::fast::RandomState,
}

impl Index {
    pub(super) fn insert(&mut self, entry: Entry) -> Key {
        let id = entry.id;
        let key = self.entries.insert(entry);
        let hash = self.hasher.hash_one(id);
        match self.by_hash.get(&hash).copied() {
            Some(other) if !self.is(other, id) => {
                self.crowded.insert(id, key);
            }
            _ => {
                self.by_hash.insert(hash, key);
            }
        }
        Key(key)
    }

    pub(super) fn find(&self, id: QueueId) -> Option<Key> {
        let first = self.by_hash.get(&self.hasher.hash_one(id)).copied();
        first.filter(|key| self.is(*key, id)).or_else(|| self.crowded.get(&id).copied()).map(Key)
    }

    /// Whether the entry has that queue ID.
    fn is(&self, key: u32, id: QueueId) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.id == id)
    }

    pub(super) fn get(&self, key: Key) -> Option<&Entry> {
        self.entries.get(key.0)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries.get_mut(key.0)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Entry> {
        let entry = self.entries.remove(key.0)?;
        let hash = self.hasher.hash_one(entry.id);
        if self.by_hash.get(&hash) == Some(&key.0) {
            self.by_hash.remove(&hash);
        } else if self.crowded.get(&entry.id) == Some(&key.0) {
            self.crowded.remove(&entry.id);
        }
        Some(entry)
    }

    pub(super) fn len(&self) -> usize {
        self.by_hash.len() + self.crowded.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Entry)> {
        self.entries.iter().map(|(key, entry)| (Key(key), entry))
    }

    pub(super) fn from(&self, place: usize) -> impl Iterator<Item = (Key, &Entry)> {
        self.entries.from(place).map(|(key, entry)| (Key(key), entry))
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        self.entries.keys().into_iter().map(Key).collect()
    }
}
