//! The recipients of an active message that are in memory: all of them, or, of a long list, those
//! that are being delivered to and some that are next.

use std::collections::HashMap;
use std::sync::Arc;

use crate::mail::envelope::{Envelope, Recipient};

/// Recipients of a long list that are kept in advance, at most: reading the record again costs
/// as much as the list is long.
pub(super) const AHEAD: usize = 5000;

/// Recipients of a long list, by their index in the envelope.
#[derive(Debug, Default)]
pub(super) struct Piece {
    here: HashMap<u32, Recipient, foldhash::fast::RandomState>,
    /// How many of them have not been asked for.
    pub(super) ahead: usize,
}

impl Piece {
    /// Keeps those of `all` that are wanted: `now`, and `next`.
    pub(super) fn keep(&mut self, all: Vec<Recipient>, now: &[u32], next: &[u32]) {
        let mut all: Vec<Option<Recipient>> = all.into_iter().map(Some).collect();
        for index in now.iter().chain(next) {
            if let Some(recipient) = all.get_mut(*index as usize).and_then(Option::take) {
                self.here.insert(*index, recipient);
            }
        }
        self.ahead = now.len() + next.len();
    }

    pub(super) fn get(&self, index: u32) -> Option<&Recipient> {
        self.here.get(&index)
    }

    /// Whether all of these are here.
    pub(super) fn has_all(&self, indexes: &[u32]) -> bool {
        indexes.iter().all(|index| self.here.contains_key(index))
    }

    /// Copies of these, for the resolver.
    pub(super) fn copy(&self, indexes: &[u32]) -> HashMap<u32, Recipient> {
        let one = |index: &u32| Some((*index, self.here.get(index)?.clone()));
        indexes.iter().filter_map(one).collect()
    }

    /// Nothing more is to be done for that one.
    pub(super) fn drop(&mut self, index: u32) {
        self.here.remove(&index);
    }
}

/// Recipients that are to be resolved.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) envelope: Arc<Envelope>,
    /// Those of a long list; otherwise all are in the envelope.
    pub(super) some: Option<HashMap<u32, Recipient>>,
}

impl Roster {
    pub(super) fn get(&self, index: u32) -> Option<&Recipient> {
        match &self.some {
            None => self.envelope.recipients.get(index as usize),
            Some(some) => some.get(&index),
        }
    }

    pub(super) fn address(&self, index: u32) -> &str {
        self.get(index).map(|recipient| recipient.address.as_str()).unwrap_or_default()
    }
}
