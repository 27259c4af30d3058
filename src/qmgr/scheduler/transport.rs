//! One transport: its jobs in order, its destinations, and how many deliveries its service takes
//! at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::index::Key;
use super::job::Rank;
use super::limits::TransportLimits;
use super::preempt::Search;
use crate::ipc::delivery::Failure;
use crate::mail::envelope::Timestamp;

/// One transport.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) name: Arc<str>,
    pub(super) limits: TransportLimits,
    /// Deliveries in flight.
    pub(super) busy: usize,
    /// Until when it is out of order, and why.
    pub(super) dead: Option<(Timestamp, Failure)>,
    /// Until when `transport_rate_delay` forbids another delivery.
    pub(super) locked_until: Option<Timestamp>,
    /// Destinations by name.
    pub(super) destinations: HashMap<Arc<str>, u32, foldhash::fast::RandomState>,
    /// The jobs of which something waits, in order.
    pub(super) order: BTreeMap<Rank, u32>,
    /// Destinations that could take a delivery, by the job that is first there; those of one job
    /// in turn.
    pub(super) ready: BTreeSet<(Rank, u64, u32)>,
    /// What the last search for a job to go first has found.
    pub(super) searched: Option<Search>,
    /// Recipients that wait or are in flight.
    pub(super) in_core: usize,
    /// Messages of which recipients have not been read yet, oldest first.
    pub(super) unread: BTreeSet<(u64, Key)>,
}

impl Transport {
    pub(super) fn new(name: &str, limits: TransportLimits) -> Self {
        Self {
            name: name.into(),
            limits,
            busy: 0,
            dead: None,
            locked_until: None,
            destinations: HashMap::default(),
            order: BTreeMap::new(),
            ready: BTreeSet::new(),
            searched: None,
            in_core: 0,
            unread: BTreeSet::new(),
        }
    }

    /// Whether its service would take one more delivery.
    pub(super) fn free(&self) -> bool {
        self.dead.is_none()
            && self.locked_until.is_none()
            && (self.limits.processes == 0 || self.busy < self.limits.processes)
    }
}
