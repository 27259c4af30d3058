//! What commands ask of the queue, and the listing.

use super::event::{Event, Listed, Listing, Stored};
use super::queue::{Queue, now};
use super::scheduler::{Deleted, Key, Queue as Place};
use crate::ipc::control::{Change, FromQmgr, ToQmgr, Which};
use crate::mail::envelope::Envelope;
use crate::mail::queue_id::QueueId;
use crate::spool::Location;

/// Messages in one part of a listing, and entries that are looked at for it.
const LISTED: usize = 200;
const LOOKED_AT: usize = 20_000;

impl Queue {
    /// Answers a command. Without trust only flushes are done.
    pub(super) async fn request(&mut self, request: ToQmgr, trusted: bool) -> FromQmgr {
        match request {
            ToQmgr::Flush => {
                self.scheduler.flush(now());
                FromQmgr::Accepted
            }
            ToQmgr::FlushId(id) => {
                if let Some(key) = self.scheduler.find(id) {
                    self.scheduler.flush_one(key);
                }
                FromQmgr::Accepted
            }
            ToQmgr::FlushSite(site) => self.flush_site(&site).await,
            _ if !trusted => FromQmgr::Refused("not permitted".into()),
            ToQmgr::Change { change, which, queues } => {
                FromQmgr::Changed(self.change(change, &which, &queues))
            }
            ToQmgr::Locate(id) => self.locate(id),
        }
    }

    async fn flush_site(&mut self, site: &str) -> FromQmgr {
        if !self.settings.fast_flush.matches(site).await.unwrap_or(false) {
            return FromQmgr::NotFound;
        }
        for key in self.sites.take(site) {
            self.scheduler.flush_one(key);
        }
        FromQmgr::Accepted
    }

    fn locate(&self, id: QueueId) -> FromQmgr {
        let Some((key, entry)) =
            self.scheduler.find(id).and_then(|key| Some((key, self.scheduler.entry(key)?)))
        else {
            return FromQmgr::NotFound;
        };
        let count = self.work.get(&key).map_or_else(
            || self.reader.open(entry.location).map_or(0, |s| s.envelope.recipients.len()),
            |work| work.count,
        );
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        FromQmgr::Located {
            queue: entry.shown_queue().name().into(),
            location: entry.location,
            pending: (0..count).filter(|index| !entry.done.has(*index)).collect(),
        }
    }

    fn change(&mut self, change: Change, which: &Which, queues: &[String]) -> Vec<QueueId> {
        let keys: Vec<Key> = match which {
            Which::Id(id) => self.scheduler.find(*id).into_iter().collect(),
            Which::All => self.scheduler.keys(),
        };
        keys.into_iter()
            .filter_map(|key| {
                let entry = self.scheduler.entry(key)?;
                let queue = entry.shown_queue().name();
                let wanted = queues.is_empty() || queues.iter().any(|name| name == queue);
                let (id, location) = (entry.id, entry.location);
                (wanted && !entry.marks.deleted && self.change_one(change, key, location))
                    .then_some(id)
            })
            .collect()
    }

    fn change_one(&mut self, change: Change, key: Key, location: Location) -> bool {
        match change {
            Change::Delete => self.delete(key, location),
            Change::Hold => {
                let changed = self.scheduler.hold(key);
                if changed {
                    self.books.held(location, true);
                }
                changed
            }
            Change::Release => self.release(key, location),
            Change::Requeue => self.requeue(key, location),
            Change::Expire => self.expire(key, location),
            Change::ForceExpire => {
                let expired = self.expire(key, location);
                self.release(key, location) || expired
            }
        }
    }

    fn delete(&mut self, key: Key, location: Location) -> bool {
        match self.scheduler.delete(key) {
            Deleted::No => return false,
            Deleted::Now(entry) => {
                if entry.marks.apart {
                    self.remove_content(location);
                }
                self.forget(key);
            }
            Deleted::Later => {}
        }
        self.books.removed(location);
        true
    }

    fn release(&mut self, key: Key, location: Location) -> bool {
        let changed = self.scheduler.release(key);
        if changed {
            self.books.held(location, false);
            if let Some(next) = self.scheduler.entry(key).map(|entry| entry.next) {
                self.books.deferred(location, next, None);
            }
        }
        changed
    }

    fn expire(&mut self, key: Key, location: Location) -> bool {
        let changed = self.scheduler.expire(key);
        if changed && let Some(marks) = self.scheduler.entry(key).map(|entry| entry.marks) {
            self.books.marked(location, marks);
        }
        changed
    }

    /// Takes a message through cleanup again; only an inactive one, since deliveries in flight
    /// would be made twice.
    pub(super) fn requeue(&mut self, key: Key, location: Location) -> bool {
        let Some(entry) = self.scheduler.entry(key) else { return false };
        if self.work.contains_key(&key) {
            return false;
        }
        let done = entry.done.clone();
        self.scheduler.hold(key);
        let copier = self.copier("cleanup");
        let events = self.events();
        self.tasks += 1;
        tokio::spawn(async move {
            let stored = copier.requeue(location, |index| done.has(index)).await;
            let _ = events.send(Event::Requeued { message: key, stored }).await;
        });
        true
    }

    /// The copy is on disk: the old message goes. Otherwise it is back where it was.
    pub(super) fn requeued(&mut self, key: Key, stored: Option<(Location, Box<Envelope>)>) {
        let Some(location) = self.scheduler.entry(key).map(|entry| entry.location) else { return };
        match stored {
            Some(new) => {
                self.delete(key, location);
                self.take_in_stored(vec![new]);
            }
            None => {
                self.scheduler.release(key);
            }
        }
    }

    fn take_in_stored(&mut self, stored: Stored) {
        for (location, envelope) in stored {
            self.stored(location, envelope);
        }
    }

    /// Some messages of a queue, from a place in the index on.
    pub(super) fn list(&self, queue: Place, after: usize) -> Listing {
        let mut listing = Listing::default();
        for (looked_at, (key, entry)) in self.scheduler.entries_from(after).enumerate() {
            if listing.entries.len() >= LISTED || looked_at >= LOOKED_AT {
                listing.next = Some(key.place());
                break;
            }
            if entry.shown_queue() == queue && !entry.marks.deleted {
                listing.entries.push(Listed::of(entry, queue));
            }
        }
        listing
    }
}
