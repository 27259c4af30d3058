//! Outcomes, and the end of an attempt: notices, removal, deferral.

use super::event::Event;
use super::notices::{Late, Noticed, Notices};
use super::queue::{Queue, now};
use super::scheduler::{Entry, Key};
use super::work::{Next, Work};
use crate::bounce::Item;
use crate::ipc::verify::Status as Known;
use crate::mail::outcome::{Action, Outcome};
use crate::mail::status::Status;
use crate::spool::Location;
use crate::verify::Verifier;

impl Queue {
    /// Enters what became of one recipient.
    pub(super) fn settle(&mut self, key: Key, index: u32, outcome: Outcome, relay: &str) {
        let Some(work) = self.work.get_mut(&key) else { return };
        if work.envelope.trace.verify {
            let original = work.recipient(index).map(|r| &*r.original);
            let address = work.address(index);
            tell_verifier(&self.verifier, original.unwrap_or_default(), address, &outcome);
            self.done(key, index);
            return;
        }
        if work.enter(index, outcome, relay) == Next::Done {
            self.done(key, index);
        }
    }

    /// A recipient needs nothing more. That of a message with one recipient goes with the
    /// message, and is not written down by itself.
    pub(super) fn done(&mut self, key: Key, index: u32) {
        let Some(entry) = self.scheduler.entry_mut(key) else { return };
        if entry.done.has(index) {
            return;
        }
        entry.done.set(index);
        let location = entry.location;
        let Some(work) = self.work.get_mut(&key) else { return };
        work.drop_recipient(index);
        if work.count > 1 {
            self.books.done(location, vec![index]);
        }
    }

    /// All assigned recipients have been tried: more of them, notices, or the end.
    pub(super) fn decide(&mut self, key: Key) {
        let Some(entry) = self.scheduler.entry(key) else { return };
        let (marks, created) = (entry.marks, entry.created);
        let Some(work) = self.work.get_mut(&key) else { return };
        if work.forwarding > 0 {
            return;
        }
        if marks.deleted {
            self.forget(key);
            return;
        }
        let seconds = now().seconds();
        let lifetime = self.settings.lifetime(marks.null_sender).as_secs();
        let over = seconds >= created.seconds().saturating_add(lifetime);
        let warning = self.settings.delay_warning.as_secs();
        let late = if work.delayed.is_empty() {
            Late::Wait
        } else if marks.force_expire || over {
            let status = if marks.force_expire { "force-expired" } else { "expired" };
            let (id, sender) = (work.id, work.envelope.sender.clone());
            let from = self.logged(&sender);
            self.log.info(format_args!("{id}: from=<{from}>, status={status}, returned to sender"));
            Late::Expired
        } else if warning > 0
            && !marks.warned
            && seconds + 1 >= created.seconds().saturating_add(warning)
        {
            Late::Warn
        } else {
            Late::Wait
        };
        self.tell(key, late);
    }

    /// Makes the notices that are due, or goes on without any.
    pub(super) fn tell(&mut self, key: Key, late: Late) {
        let Some(work) = self.work.get_mut(&key) else { return };
        if work.failed.is_empty() && work.traced.is_empty() && late == Late::Wait {
            self.conclude(key);
            return;
        }
        let items = |fates: &[(u32, Item)]| fates.iter().map(|(_, item)| item.clone()).collect();
        let notices = Notices {
            bounce: self.bounce.clone(),
            cleanup: self.cleanup.clone(),
            reader: self.reader.clone(),
            id: work.id,
            location: work.location,
            envelope: work.envelope.clone(),
            failed: items(&work.failed),
            traced: std::mem::take(&mut work.traced),
            delayed: if late == Late::Wait { Vec::new() } else { items(&work.delayed) },
            late,
            verp: !self.settings.no_verp_bounces,
        };
        let events = self.events.clone();
        self.tasks += 1;
        tokio::spawn(async move {
            let noticed = notices.make().await;
            let _ = events.send(Event::Noticed { message: key, noticed }).await;
        });
    }

    /// The notices are on disk: what they report is done.
    pub(super) fn noticed(&mut self, key: Key, noticed: Noticed) {
        for (location, envelope) in noticed.stored {
            self.stored(location, envelope);
        }
        let Some(work) = self.work.get_mut(&key) else { return };
        let failed = std::mem::take(&mut work.failed);
        let mut done = Vec::new();
        if noticed.failed {
            done.extend(failed.iter().map(|(index, _)| *index));
        } else {
            let status = Status::new(4, 3, 0);
            work.delayed.extend(failed.into_iter().map(|(index, item)| {
                let outcome = Outcome::own(status, "bounce or trace service failure");
                (index, Item { outcome, ..item })
            }));
        }
        if noticed.expired {
            done.extend(std::mem::take(&mut work.delayed).iter().map(|(index, _)| *index));
        }
        for index in done {
            self.done(key, index);
        }
        if noticed.warned
            && let Some(entry) = self.scheduler.entry_mut(key)
        {
            entry.marks.warned = true;
            let (location, marks) = (entry.location, entry.marks);
            self.books.marked(location, marks);
        }
        self.conclude(key);
    }

    /// The attempt is over: the message goes, or waits.
    pub(super) fn conclude(&mut self, key: Key) {
        let Some(entry) = self.scheduler.entry(key) else { return };
        let (marks, created, location) = (entry.marks, entry.created, entry.location);
        if marks.deleted {
            self.forget(key);
            return;
        }
        let Some(work) = self.work.get(&key) else { return };
        let count = u32::try_from(work.count).unwrap_or(u32::MAX);
        let open = |entry: &Entry| (0..count).any(|index| !entry.done.has(index));
        let held = marks.hold && open(entry);
        // It was put on hold, and released before its deliveries in flight were over.
        let interrupted = marks.interrupted && open(entry);
        if work.delayed.is_empty() && !held && !interrupted {
            if work.envelope.refused.is_none() {
                self.log.info(format_args!("{}: removed", work.id));
            }
            self.books.removed(location);
            self.forget(key);
            return;
        }
        let reasons = work.reasons().map(|reasons| self.books.shared(reasons));
        let next = if interrupted { now() } else { self.scheduler.backoff(created, now()) };
        self.books.deferred(location, next, reasons.clone());
        let work = self.take_work(key);
        if let Some(entry) = self.scheduler.entry_mut(key) {
            entry.reasons = reasons;
        }
        if held {
            self.books.held(location, true);
            self.scheduler.hold_back(key);
        } else {
            self.scheduler.defer(key, next);
        }
        if let Some(work) = work {
            let of = |(index, _): &(u32, Item)| work.recipient(*index).map(|r| r.address.clone());
            self.sites.note(&self.settings.fast_flush, key, work.delayed.iter().filter_map(of));
        }
    }

    fn take_work(&mut self, key: Key) -> Option<Work> {
        let work = self.work.remove(&key)?;
        if work.envelope.trace.verify {
            self.probes = self.probes.saturating_sub(1);
        }
        if let Some(piece) = &work.piece {
            self.ahead = self.ahead.saturating_sub(piece.ahead);
        }
        Some(work)
    }

    /// Drops all that is known of a message that is gone.
    pub(super) fn forget(&mut self, key: Key) {
        self.fresh.remove(&key);
        if let Some(work) = self.take_work(key) {
            match work.piece {
                None => self.sites.forget(key, &work.envelope),
                Some(_) => self.sites.forget_everywhere(key),
            }
        }
        if let Some(entry) = self.scheduler.remove(key)
            && entry.marks.apart
        {
            self.remove_content(entry.location);
        }
    }

    /// Content with a file of its own goes once the removal is on disk.
    pub(super) fn remove_content(&self, location: Location) {
        let (log, reader) = (self.books.log(), self.reader.clone());
        tokio::spawn(async move {
            if log.sync().await.is_ok() {
                let _ = reader.remove_content(location);
            }
        });
    }
}

/// What became of an address probe.
pub(super) fn tell_verifier(verifier: &Verifier, original: &str, address: &str, outcome: &Outcome) {
    let status = match (outcome.action, outcome.status.class) {
        (Action::Sent { .. } | Action::Probed { deliverable: true }, _) => Known::Deliverable,
        (_, 5) => Known::Bounced,
        _ => Known::Deferred,
    };
    verifier.outcome(original, address, status, &outcome.text);
}
