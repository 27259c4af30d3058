//! One destination of one transport: what waits for it, how many deliveries it stands at a time.

use std::collections::VecDeque;
use std::sync::Arc;

use super::index::Key;
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

/// Recipients of one message that wait for this destination.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) message: Key,
    pub(super) recipients: VecDeque<u32>,
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
    /// Messages in turn.
    pub(super) todo: VecDeque<Job>,
    /// Whether it stands in its transport's line of ready destinations.
    pub(super) lined_up: bool,
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
            todo: VecDeque::new(),
            lined_up: false,
            last_done: None,
            reuse: false,
        }
    }

    /// Whether a delivery could start.
    pub(super) fn eligible(&self) -> bool {
        self.state == State::Ready && self.busy < self.window && !self.todo.is_empty()
    }

    /// Whether nothing is to be remembered about it.
    pub(super) fn idle(&self) -> bool {
        self.state == State::Ready && self.busy == 0 && self.todo.is_empty()
    }

    /// Adds recipients of a message; those of the message that was added last join it.
    pub(super) fn add(&mut self, message: Key, recipient: u32) {
        match self.todo.back_mut() {
            Some(job) if job.message == message => job.recipients.push_back(recipient),
            _ => self.todo.push_back(Job { message, recipients: VecDeque::from([recipient]) }),
        }
    }

    /// Takes the next delivery: up to `limit` recipients of the message whose turn it is. What is
    /// left of that message goes to the end of the line, so that a long list holds nobody up.
    pub(super) fn take(&mut self, limit: usize, now: Timestamp) -> Option<(Key, Vec<u32>, bool)> {
        let mut job = self.todo.pop_front()?;
        let count = if limit == 0 { job.recipients.len() } else { limit.min(job.recipients.len()) };
        let recipients = job.recipients.drain(..count).collect();
        let message = job.message;
        if !job.recipients.is_empty() {
            self.todo.push_back(job);
        }
        self.busy += 1;
        self.note_reuse(now);
        Some((message, recipients, self.reuse))
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

    /// Takes back what has not started for `message`.
    pub(super) fn withdraw(&mut self, message: Key) -> Vec<u32> {
        let mut withdrawn = Vec::new();
        self.todo.retain_mut(|job| {
            if job.message == message {
                withdrawn.extend(job.recipients.drain(..));
            }
            !job.recipients.is_empty()
        });
        withdrawn
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
