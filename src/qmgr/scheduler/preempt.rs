//! The order of the jobs of a transport, and which of them goes before another.

use std::ops::Bound;

use super::job::{Job, Rank};
use super::{Key, Scheduler};
use crate::mail::envelope::Timestamp;

/// Jobs that are looked at in one search, of one destination and of all.
const LOOKED_AT: usize = 64;
const LOOKED_AT_ALL: usize = 2048;

/// What the last search for a job to go first has found; it holds for a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    current: u32,
    second: u64,
    found: Option<u32>,
}

impl Search {
    /// Whether it was made for that job.
    pub(super) const fn is_for(&self, job: u32) -> bool {
        self.current == job
    }
}

impl Scheduler {
    /// The job of a message at a transport; a new one if there is none yet.
    pub(super) fn job(&mut self, message: Key, transport: u32) -> Option<u32> {
        let active = self.active.get_mut(&message)?;
        let is_of = |job: &&u32| self.jobs.get(**job).is_some_and(|j| j.transport == transport);
        if let Some(job) = active.jobs.iter().find(is_of) {
            return Some(*job);
        }
        let of = self.transports.get_mut(transport)?;
        let alone = self.index.get(message).is_some_and(|entry| entry.marks.alone);
        let limit = if alone { 1 } else { of.limits.recipients };
        let queued = active.queued.seconds();
        let job = self.jobs.insert(Job::new(message, transport, active.turn, queued, limit));
        active.jobs.push(job);
        if active.unread > 0 {
            of.unread.insert((active.turn, message));
        }
        Some(job)
    }

    /// One more recipient of a job waits for a destination.
    pub(super) fn wait(&mut self, key: u32, place: u32, recipient: u32) {
        self.next_turn += 1;
        let turn = self.next_turn;
        let Some(job) = self.jobs.get_mut(key) else { return };
        let Some(of) = self.transports.get_mut(job.transport) else { return };
        let Some(destination) = self.destinations.get_mut(place) else { return };
        if !job.listed {
            job.listed = true;
            job.rank = job.home;
            of.order.insert(job.rank, key);
        }
        if of.searched.is_some_and(|search| !search.is_for(key)) {
            of.searched = None;
        }
        let waiting = destination.waiting(job.rank, key, turn);
        if waiting.recipients.is_empty() {
            job.places.push(place);
        }
        let before = job.deliveries(waiting.recipients.len());
        waiting.recipients.push_back(recipient);
        job.waiting += job.deliveries(waiting.recipients.len()).saturating_sub(before);
        job.in_core += 1;
        of.in_core += 1;
    }

    /// Recipients of a job are not in flight or waiting any more.
    pub(super) fn leave_core(&mut self, key: u32, message: Key, recipients: usize) {
        let Some(job) = self.jobs.get_mut(key).filter(|job| job.message == message) else { return };
        let gone = recipients.min(job.in_core);
        job.in_core -= gone;
        if let Some(of) = self.transports.get_mut(job.transport) {
            of.in_core = of.in_core.saturating_sub(gone);
        }
    }

    /// Lets another job go before the first one of a transport, if that has turns to give.
    pub(super) fn preempt(&mut self, transport: u32, now: Timestamp) {
        let Some(of) = self.transports.get(transport) else { return };
        let slots = of.limits.slots;
        let first = of.ready.first().and_then(|(rank, ..)| of.order.get(rank));
        let Some(current) = first.copied() else { return };
        let Some(job) = self.jobs.get(current) else { return };
        if !job.gives_way(self.unread(job.message), &slots) {
            return;
        }
        let Some(candidate) = self.candidate(transport, current, now) else { return };
        let Some(other) = self.jobs.get(candidate) else { return };
        let needed = other.needs(self.unread(other.message));
        let Some(job) = self.jobs.get(current) else { return };
        if !job.pays(needed, &slots) {
            return;
        }
        let (rank, level) = (job.rank, job.level);
        let Some(of) = self.transports.get(transport) else { return };
        let before = of.order.range(..rank).next_back().map(|(rank, _)| *rank);
        let Some(place) = Rank::between(before, rank) else { return };
        self.pop(candidate);
        self.put(candidate, place);
        if let Some(job) = self.jobs.get_mut(current) {
            // As if all its turns were used: what it does not use comes back when it is over.
            job.available -= needed.saturating_mul(slots.cost);
            job.children.push(candidate);
        }
        if let Some(other) = self.jobs.get_mut(candidate) {
            other.parent = Some(current);
            other.level = level + 1;
            other.used = -needed;
        }
    }

    /// The recipients of a message that have not been read yet.
    fn unread(&self, message: Key) -> usize {
        self.active.get(&message).map_or(0, |active| active.unread)
    }

    /// The job that should go before `current`: behind it, with no more deliveries than it will
    /// have turns for, and the one that has waited longest for each delivery.
    fn candidate(&mut self, transport: u32, current: u32, now: Timestamp) -> Option<u32> {
        let second = now.seconds();
        let of = self.transports.get(transport)?;
        if let Some(search) = of.searched
            && search.current == current
            && (search.second == second || search.found.is_none())
        {
            return search.found;
        }
        let found = self.search(transport, current, second);
        let of = self.transports.get_mut(transport)?;
        of.searched = Some(Search { current, second, found });
        found
    }

    fn search(&self, transport: u32, current: u32, second: u64) -> Option<u32> {
        let of = self.transports.get(transport)?;
        let job = self.jobs.get(current)?;
        let turns = job.turns(self.unread(job.message), &of.limits.slots);
        let (mut best, mut best_score) = (None, 0.0);
        let mut looked_at = 0;
        for (rank, _, place) in of.ready.iter().take(LOOKED_AT_ALL) {
            let behind = (Bound::Excluded(job.rank), Bound::Unbounded);
            let Some(destination) = self.destinations.get(*place) else { continue };
            for waiting in destination.todo.range(behind).map(|(_, w)| w).take(LOOKED_AT) {
                let Some(other) = self.jobs.get(waiting.job) else { continue };
                looked_at += 1;
                let needed = other.needs(self.unread(other.message)).max(1);
                let waited = (second.saturating_sub(other.queued) + 1) as f64;
                let score = waited / needed as f64;
                if other.children.is_empty() && needed <= turns && score > best_score {
                    (best, best_score) = (Some(waiting.job), score);
                }
                // Those behind it have not waited longer.
                if other.level == 0 && waited <= best_score {
                    if *rank > job.rank {
                        return best;
                    }
                    break;
                }
            }
            if looked_at >= LOOKED_AT_ALL {
                break;
            }
        }
        best
    }

    /// Gives a job another place.
    fn put(&mut self, key: u32, rank: Rank) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        let old = std::mem::replace(&mut job.rank, rank);
        let places = job.places.clone();
        if let Some(of) = self.transports.get_mut(job.transport) {
            of.order.remove(&old);
            of.order.insert(rank, key);
        }
        for place in places {
            if let Some(destination) = self.destinations.get_mut(place) {
                destination.put(key, old, rank);
            }
            self.line_up(place);
        }
    }

    /// A job goes before nobody any more. Turns that it was given and did not use go back.
    fn pop(&mut self, key: u32) {
        let Some(job) = self.jobs.get_mut(key) else { return };
        let (level, used, transport) = (std::mem::take(&mut job.level), job.used, job.transport);
        if level == 0 {
            return;
        }
        let (parent, children) = (job.parent.take(), std::mem::take(&mut job.children));
        let Some(of) = self.transports.get_mut(transport) else { return };
        of.searched = None;
        let cost = of.limits.slots.cost;
        for child in &children {
            if let Some(child) = self.jobs.get_mut(*child) {
                child.parent = parent;
            }
        }
        if let Some(parent) = parent.and_then(|parent| self.jobs.get_mut(parent)) {
            if level == parent.level + 1 {
                parent.available -= used.saturating_mul(cost);
            }
            parent.children.retain(|child| *child != key);
            parent.children.extend(children);
        }
    }

    /// Nothing of a job waits any more; what it has earned stays, should more of its recipients be
    /// read.
    pub(super) fn retire(&mut self, key: u32) {
        self.pop(key);
        let Some(job) = self.jobs.get_mut(key) else { return };
        job.places.clear();
        if !std::mem::take(&mut job.listed) {
            return;
        }
        let (rank, transport) = (job.rank, job.transport);
        for child in std::mem::take(&mut job.children) {
            if let Some(child) = self.jobs.get_mut(child) {
                child.parent = None;
            }
        }
        if let Some(of) = self.transports.get_mut(transport) {
            of.order.remove(&rank);
            of.searched = None;
        }
    }

    /// Takes back the recipients of a job that wait, and says how many.
    pub(super) fn take_back(&mut self, key: u32) -> usize {
        let Some(job) = self.jobs.get_mut(key) else { return 0 };
        let (message, rank, places) = (job.message, job.rank, std::mem::take(&mut job.places));
        job.waiting = 0;
        let mut withdrawn = 0;
        for place in places {
            if let Some(destination) = self.destinations.get_mut(place) {
                withdrawn += destination.withdraw(key, rank);
            }
            self.line_up(place);
            self.forget_idle(place);
        }
        self.leave_core(key, message, withdrawn);
        self.retire(key);
        withdrawn
    }
}
