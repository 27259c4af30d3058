//! One destination of one transport: what waits for it, how many deliveries it stands at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::job::Rank;
use super::limits::TransportLimits;
use crate::ipc::delivery::Failure;
use crate::mail::envelope::Timestamp;

/// Whether a destination takes deliveries.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// Up to [`Destination::window`] at a time.
    Ready,
    /// Its rate delay runs until then.
    Suspended(Timestamp),
    /// Declared dead: mail for it waits until then, for this reason.
    Dead(Timestamp, Failure),
}

/// Recipients of one job that wait for this destination.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) job: u32,
    pub(super) recipients: VecDeque<u32>,
    /// When it had its last delivery here: the destinations of a job take turns.
    turn: u64,
}

/// One destination.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) transport: u32,
    /// Its name: the next hop, or `user@nexthop` where each recipient is a destination.
    pub(super) name: Arc<str>,
    pub(super) nexthop: Arc<str>,
    pub(super) state: State,
    /// How many deliveries at a time.
    pub(super) window: u32,
    pub(super) busy: u32,
    success: f64,
    failure: f64,
    failed_cohorts: f64,
    /// What waits here, in the order of the jobs.
    pub(super) todo: BTreeMap<Rank, Waiting>,
    /// Where it stands among its transport's ready destinations, if it does.
    pub(super) lined_up: Option<(Rank, u64)>,
    last_done: Option<Timestamp>,
    reuse: bool,
}

impl Destination {
    pub(super) fn new(
        transport: u32,
        name: Arc<str>,
        nexthop: Arc<str>,
        limits: &TransportLimits,
    ) -> Self {
        Self {
            transport,
            name,
            nexthop,
            state: State::Ready,
            window: limits.initial_concurrency,
            busy: 0,
            success: 0.0,
            failure: 0.0,
            failed_cohorts: 0.0,
            todo: BTreeMap::new(),
            lined_up: None,
            last_done: None,
            reuse: false,
        }
    }

    /// Where it belongs among the ready destinations: the first job, if a delivery could start.
    pub(super) fn stands(&self) -> Option<(Rank, u64)> {
        let open = self.state == State::Ready && self.busy < self.window;
        self.todo.first_key_value().filter(|_| open).map(|(rank, first)| (*rank, first.turn))
    }

    /// Whether nothing is to be remembered about it.
    pub(super) fn idle(&self) -> bool {
        self.state == State::Ready && self.busy == 0 && self.todo.is_empty()
    }

    /// What waits of a job, for more recipients to be added.
    pub(super) fn waiting(&mut self, rank: Rank, job: u32, turn: u64) -> &mut Waiting {
        self.todo.entry(rank).or_insert_with(|| Waiting { job, recipients: VecDeque::new(), turn })
    }

    /// Takes the next delivery: up to `limit` recipients of the first job.
    pub(super) fn take(
        &mut self,
        limit: usize,
        turn: u64,
        now: Timestamp,
    ) -> Option<(Vec<u32>, bool)> {
        let mut first = self.todo.first_entry()?;
        let Waiting { recipients: waiting, turn: last, .. } = first.get_mut();
        let count = if limit == 0 { waiting.len() } else { limit.min(waiting.len()) };
        let recipients = waiting.drain(..count).collect();
        *last = turn;
        if waiting.is_empty() {
            first.remove();
        }
        self.busy += 1;
        self.note_reuse(now);
        Some((recipients, self.reuse))
    }

    /// Connections are worth keeping once deliveries follow each other within a second, until
    /// the destination runs out of mail.
    fn note_reuse(&mut self, now: Timestamp) {
        let back_to_back = self.last_done.is_some_and(|done| done.seconds() + 1 >= now.seconds());
        if self.reuse {
            self.reuse = self.busy > 1 || back_to_back;
        } else {
            self.reuse = back_to_back;
        }
    }

    /// A delivery is over.
    pub(super) fn released(&mut self, now: Timestamp) {
        self.busy = self.busy.saturating_sub(1);
        self.last_done = Some(now);
    }

    /// Takes back what waits of a job, and says how many recipients that were.
    pub(super) fn withdraw(&mut self, job: u32, rank: Rank) -> usize {
        match self.todo.get(&rank) {
            Some(waiting) if waiting.job == job => {
                self.todo.remove(&rank).map_or(0, |waiting| waiting.recipients.len())
            }
            _ => 0,
        }
    }

    /// A job has another place in the order.
    pub(super) fn put(&mut self, job: u32, old: Rank, new: Rank) {
        if self.todo.get(&old).is_some_and(|waiting| waiting.job == job)
            && let Some(waiting) = self.todo.remove(&old)
        {
            self.todo.insert(new, waiting);
        }
    }

    /// A delivery got through: more at a time, up to the limit and not far above what is in use.
    pub(super) fn succeeded(&mut self, limits: &TransportLimits) {
        self.failed_cohorts = 0.0;
        if let State::Dead(..) = self.state {
            self.revive(limits);
            return;
        }
        let below_limit = limits.concurrency == 0 || self.window < limits.concurrency;
        if !below_limit || self.window >= self.busy + limits.initial_concurrency {
            return;
        }
        let feedback = limits.positive_feedback.at(self.window);
        self.success += feedback;
        while self.success + feedback / 2.0 >= 1.0 {
            self.window += 1;
            self.success -= 1.0;
            self.failure = 0.0;
        }
        if limits.concurrency > 0 {
            self.window = self.window.min(limits.concurrency);
        }
    }

    /// The destination as a whole failed: fewer at a time, and dead after too many in a row.
    /// Returns whether it has just died.
    pub(super) fn failed(
        &mut self,
        limits: &TransportLimits,
        reason: &Failure,
        dead_until: Timestamp,
    ) -> bool {
        if self.state != State::Ready {
            return false;
        }
        self.failed_cohorts += 1.0 / f64::from(self.window.max(1));
        if limits.failed_cohorts > 0.0 && self.failed_cohorts >= limits.failed_cohorts {
            self.state = State::Dead(dead_until, reason.clone());
            self.reuse = false;
            return true;
        }
        let feedback = limits.negative_feedback.at(self.window);
        self.failure -= feedback;
        while self.failure - feedback / 2.0 < 0.0 {
            self.window = self.window.saturating_sub(1);
            self.success = 0.0;
            self.failure += 1.0;
        }
        self.window = self.window.max(1);
        false
    }

    /// Gives a dead destination another chance.
    pub(super) fn revive(&mut self, limits: &TransportLimits) {
        self.failed_cohorts = 0.0;
        if let State::Dead(..) = self.state {
            self.state = State::Ready;
            self.window = if self.busy > 0 { self.busy } else { limits.initial_concurrency };
            self.success = 0.0;
            self.failure = 0.0;
        }
    }
}
