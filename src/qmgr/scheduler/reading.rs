//! How many recipients of a message are in memory: the first piece when it becomes active, and
//! more of them while there is room.

use super::{Action, Key, Phase, Scheduler};
use crate::mail::envelope::Timestamp;

/// Recipients that are read at a time, at most: nobody else gets anything while they are resolved.
const PIECE: usize = 5000;

impl Scheduler {
    /// The envelope of an active message has been read. Returns how many of the recipients that
    /// are not done are to be resolved now, for [`Scheduler::assign`]; for the others
    /// [`Action::More`] follows.
    pub fn opened(&mut self, key: Key, recipients: usize) -> usize {
        let room = self.limits.active_recipients.saturating_sub(self.active_recipients);
        let most = room.max(self.limits.recipient_minimum).clamp(1, PIECE);
        let clock = self.clock;
        let Some(active) = self.active.get_mut(&key) else { return 0 };
        let now = recipients.min(most);
        active.reading = now;
        active.unread = recipients - now;
        active.refilled = clock;
        self.active_recipients += now;
        now
    }

    /// Has more recipients of a message read, if there are any, and room for enough of them to be
    /// worth the reading; or if it has nothing else.
    pub(super) fn refill(&mut self, key: Key, now: Timestamp) {
        let Some(active) = self.active.get(&key) else { return };
        if active.unread == 0 || active.reading > 0 || active.phase != Phase::Delivering {
            return;
        }
        let room = self.room(key).min(active.unread).min(PIECE);
        let idle = active.outstanding == 0;
        let enough = |job: &u32| {
            let transport = self.jobs.get(*job).map(|job| job.transport);
            let of = transport.and_then(|transport| self.transports.get(transport));
            of.is_none_or(|of| {
                let since = now.0.saturating_sub(active.refilled.0);
                room >= of.limits.refill || u128::from(since) >= of.limits.refill_delay.as_micros()
            })
        };
        let worth = idle || active.jobs.iter().any(enough) || room == active.unread;
        let room = if idle { room.max(1) } else { room };
        if room == 0 || !worth {
            return;
        }
        let Some(active) = self.active.get_mut(&key) else { return };
        active.reading = room;
        active.unread -= room;
        active.refilled = now;
        self.active_recipients += room;
        if active.unread == 0 {
            self.all_read(key);
        }
        self.actions.push_back(Action::More(key, room));
    }

    /// How many recipients more of a message may be in memory: what it always may, and for the
    /// message that a transport has had longest what is left of the transport's own; one that
    /// goes before another has half of the extra ones.
    fn room(&self, key: Key) -> usize {
        let Some(active) = self.active.get(&key) else { return 0 };
        let of_job = |job: &u32| {
            let job = self.jobs.get(*job)?;
            let of = self.transports.get(job.transport)?;
            let (most, extra) = (of.limits.in_core, of.limits.extra_in_core);
            let first = of.unread.first() == Some(&(active.turn, key));
            let own = if first { most.saturating_sub(of.in_core) } else { 0 };
            let before = (most + extra).saturating_sub(of.in_core).min(extra).div_ceil(2);
            Some(if job.level > 0 { own.max(before) } else { own })
        };
        let here = active.outstanding + active.reading;
        let always = self.limits.recipient_minimum.saturating_sub(here);
        let left = self.limits.active_recipients.saturating_sub(self.active_recipients);
        active.jobs.iter().filter_map(of_job).max().unwrap_or(0).min(left).max(always)
    }

    /// Room has come up at a transport.
    pub(super) fn refill_first(&mut self, transport: u32, now: Timestamp) {
        let first = self.transports.get(transport).and_then(|of| of.unread.first().copied());
        if let Some((_, key)) = first {
            self.refill(key, now);
        }
    }

    /// No recipients of a message are left to be read.
    pub(super) fn all_read(&mut self, key: Key) {
        let Some(active) = self.active.get(&key) else { return };
        for job in &active.jobs {
            if let Some(job) = self.jobs.get(*job)
                && let Some(of) = self.transports.get_mut(job.transport)
            {
                of.unread.remove(&(active.turn, key));
            }
        }
    }
}
