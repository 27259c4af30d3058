//! What administrators do to the queue: flush, hold, release, delete, expire.

use super::{Entry, Key, Queue, Scheduler};
use crate::mail::envelope::Timestamp;

/// What became of a request to delete.
#[derive(Debug)]
pub enum Deleted {
    /// It is gone.
    Now(Box<Entry>),
    /// Deliveries are in flight; it goes when they are over.
    Later,
    /// There was no such message.
    No,
}

impl Scheduler {
    /// `postqueue -f`: gives dead destinations another chance and makes all deferred mail due.
    pub fn flush(&mut self, now: Timestamp) {
        self.revive_all(now);
        for (_, key) in std::mem::take(&mut self.waiting) {
            let Some(entry) = self.index.get_mut(key) else { continue };
            entry.marks.flush_all = true;
            match entry.queue {
                Queue::Incoming => self.incoming.push_back(key),
                _ => self.flushed.push_back(key),
            }
        }
        self.fill();
    }

    /// A reload: dead transports and destinations get another chance, as if nothing were known.
    pub fn forgive(&mut self, now: Timestamp) {
        self.revive_all(now);
    }

    /// `postqueue -i`, and `-s` for each message of the site: one deferred message is due now, and
    /// its destinations get another chance. Whether it was a deferred one.
    pub fn flush_one(&mut self, key: Key) -> bool {
        let Some(entry) = self.index.get_mut(key) else { return false };
        if entry.queue != Queue::Deferred {
            return false;
        }
        entry.marks.flush = true;
        entry.marks.flush_all = true;
        self.waiting.remove(&(entry.next, key));
        self.flushed.push_back(key);
        self.fill();
        true
    }

    /// `postsuper -h`. Whether anything changed.
    pub fn hold(&mut self, key: Key) -> bool {
        let Some(entry) = self.index.get_mut(key) else { return false };
        match entry.queue {
            Queue::Hold => return false,
            Queue::Active if entry.marks.hold => return false,
            Queue::Active => {
                entry.marks.hold = true;
                self.withdraw(key);
            }
            Queue::Incoming | Queue::Deferred => {
                entry.queue = Queue::Hold;
                self.waiting.remove(&(entry.next, key));
            }
        }
        true
    }

    /// `postsuper -H`: to the deferred queue, due at the next queue run. Whether it was on hold.
    pub fn release(&mut self, key: Key) -> bool {
        let Some(entry) = self.index.get_mut(key) else { return false };
        if entry.queue == Queue::Active {
            return std::mem::take(&mut entry.marks.hold);
        }
        if entry.queue != Queue::Hold {
            return false;
        }
        entry.queue = Queue::Deferred;
        entry.next = entry.next.max(Timestamp(self.horizon.0 + 1));
        self.waiting.insert((entry.next, key));
        true
    }

    /// `postsuper -e`: the next attempt returns it to the sender. Whether anything changed.
    pub fn expire(&mut self, key: Key) -> bool {
        let Some(entry) = self.index.get_mut(key) else { return false };
        !std::mem::replace(&mut entry.marks.force_expire, true)
    }

    /// `postsuper -d`
    pub fn delete(&mut self, key: Key) -> Deleted {
        let Some(entry) = self.index.get_mut(key) else { return Deleted::No };
        if entry.marks.deleted {
            return Deleted::No;
        }
        if entry.queue != Queue::Active {
            return self.remove(key).map_or(Deleted::No, |entry| Deleted::Now(Box::new(entry)));
        }
        entry.marks.deleted = true;
        self.withdraw(key);
        Deleted::Later
    }

    /// Takes back the recipients of an active message that wait for their delivery, or to be read.
    fn withdraw(&mut self, key: Key) {
        self.all_read(key);
        let Some(active) = self.active.get_mut(&key) else { return };
        let unread = std::mem::take(&mut active.unread);
        let jobs = active.jobs.clone();
        let withdrawn = jobs.into_iter().map(|job| self.take_back(job)).sum();
        if unread + withdrawn > 0
            && let Some(entry) = self.index.get_mut(key)
        {
            entry.marks.interrupted = true;
        }
        self.accounted(key, withdrawn);
    }
}
