//! One transport: its destinations, and how many deliveries its service takes at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::limits::TransportLimits;
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
    /// Destinations that could take a delivery, in turn.
    pub(super) line: VecDeque<u32>,
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
            line: VecDeque::new(),
        }
    }

    /// Whether its service would take one more delivery.
    pub(super) fn free(&self) -> bool {
        self.dead.is_none()
            && self.locked_until.is_none()
            && (self.limits.processes == 0 || self.busy < self.limits.processes)
    }
}
