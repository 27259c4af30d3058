//! The queue while qmgr does not run: for commands of the superuser, under the lock of the state
//! log.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::books::Books;
use super::event::Listed;
use super::scheduler::{Entry, Queue};
use super::showq;
use crate::ipc::control::Change;
use crate::mail::queue_id::QueueId;
use crate::spool::{Location, Reader, SpoolError};
use crate::wire::attr;

/// All mail, as found on disk.
#[derive(Debug)]
pub struct Offline {
    books: Books,
    reader: Reader,
    queue_directory: PathBuf,
    /// In the order of arrival.
    entries: Vec<Entry>,
    by_id: HashMap<QueueId, usize>,
}

impl Offline {
    /// Opens spool and state log; fails while qmgr runs.
    pub fn open(queue_directory: &Path) -> Result<Self, SpoolError> {
        let (mut books, mut memory) = Books::open(queue_directory)?;
        let mut entries = Vec::new();
        books.scan(queue_directory, &mut memory, |entry, _| entries.push(entry))?;
        entries.sort_by_key(|entry| entry.arrival);
        let by_id = (0..).zip(&entries).map(|(place, entry)| (entry.id, place)).collect();
        let reader = Reader::new(queue_directory);
        Ok(Self { books, reader, queue_directory: queue_directory.into(), entries, by_id })
    }

    /// The queue IDs of all messages, in the order of arrival.
    pub fn ids(&self) -> Vec<QueueId> {
        let alive = self.entries.iter().filter(|entry| self.by_id.contains_key(&entry.id));
        alive.map(|entry| entry.id).collect()
    }

    /// Where a message lies, in which queue, and which recipients are not done.
    pub fn locate(&self, id: QueueId) -> Option<(Queue, Location, Vec<u32>)> {
        let entry = self.entries.get(*self.by_id.get(&id)?)?;
        let count = self.reader.open(entry.location).ok()?.envelope.recipients.len();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let pending = (0..count).filter(|index| !entry.done.has(*index)).collect();
        Some((entry.queue, entry.location, pending))
    }

    /// Does it to one message, or to all, in some queues (none is all); returns which changed.
    pub fn change(
        &mut self,
        change: Change,
        which: Option<QueueId>,
        queues: &[String],
    ) -> Vec<QueueId> {
        let places: Vec<usize> = match which {
            Some(id) => self.by_id.get(&id).copied().into_iter().collect(),
            None => (0..self.entries.len()).collect(),
        };
        let mut changed = Vec::new();
        for place in places {
            let Some(entry) = self.entries.get_mut(place) else { continue };
            let queue = entry.queue.name();
            let wanted = queues.is_empty() || queues.iter().any(|name| name == queue);
            if wanted && self.by_id.contains_key(&entry.id) && apply(change, entry, &mut self.books)
            {
                changed.push(entry.id);
                if change == Change::Delete {
                    self.by_id.remove(&entry.id);
                }
            }
        }
        changed
    }

    /// The listing, as showq gives it.
    pub fn listing(&self, empty_address: &str) -> Vec<u8> {
        let mut out = Vec::new();
        attr::put(&mut out, "protocol", "mail_queue_list_protocol");
        attr::end(&mut out);
        showq::maildrop(&self.queue_directory, empty_address, &mut out);
        for queue in showq::ORDER {
            for entry in &self.entries {
                if entry.queue == queue && self.by_id.contains_key(&entry.id) {
                    let listed = Listed::of(entry, queue);
                    showq::message(&self.reader, &listed, empty_address, &mut out);
                }
            }
        }
        attr::end(&mut out);
        out
    }

    /// Waits until all changes are on disk.
    pub async fn sync(&self) -> Result<(), SpoolError> {
        self.books.log().sync().await
    }
}

/// Changes one message. Whether anything changed.
fn apply(change: Change, entry: &mut Entry, books: &mut Books) -> bool {
    let location = entry.location;
    match change {
        Change::Delete => books.removed(location),
        Change::Hold => {
            if entry.queue == Queue::Hold {
                return false;
            }
            entry.queue = Queue::Hold;
            books.held(location, true);
        }
        Change::Release => {
            if entry.queue != Queue::Hold {
                return false;
            }
            entry.queue = Queue::Deferred;
            books.held(location, false);
            books.deferred(location, entry.next, None);
        }
        Change::Requeue => {
            entry.marks.requeue = true;
            books.marked(location, entry.marks);
        }
        Change::Expire | Change::ForceExpire => {
            if entry.marks.force_expire {
                return false;
            }
            entry.marks.force_expire = true;
            books.marked(location, entry.marks);
        }
    }
    true
}
