//! Queue IDs that no other process of this queue gives out.
//!
//! Postfix makes its IDs unique with the inode number of the queue file, which is small on a small
//! system, so that IDs are short there. Here the number is a count of all messages that a writer
//! has taken, which is kept in its directory, with the number of the writer in its lowest digit.

use std::io::IoSlice;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::disk::{Access, Disk, DiskFile, read_exact_at, write_all_at};
use crate::mail::envelope::Timestamp;
use crate::mail::queue_id::QueueId;

/// Gives out queue IDs. One for each [`super::Writer`], whose number is part of every ID.
#[derive(Debug)]
pub struct QueueIds {
    writer: u64,
    last: AtomicU64,
    /// The count of the next message.
    next: AtomicU64,
    /// Counts below this are ours, and nobody will get them again.
    end: AtomicU64,
    reserve: Mutex<Reserve>,
}

/// Where counts are set aside.
#[derive(Debug)]
struct Reserve {
    file: Arc<dyn DiskFile>,
    /// How many are set aside the next time: more and more, as a busy process needs them.
    block: u64,
    boot: u64,
}

/// Counts begin here, so that IDs have the eight characters that tools expect at least.
const FIRST: u64 = 0x10;

/// Counts set aside at first, and at most.
const BLOCK: u64 = 8;
const BLOCK_MAX: u64 = 1 << 16;

/// Counts begin anew after so many.
const ROUND: u64 = 1 << 40;

/// What may have been given out since the count was last seen on disk, when the machine has been
/// started anew: the count is written, not synced, because that would cost more than it is worth.
const LOST: u64 = 1 << 20;

impl QueueIds {
    /// For the writer of that number, which owns `directory`.
    pub(super) fn open(disk: &dyn Disk, directory: &Path, writer: u32) -> std::io::Result<Self> {
        let path = directory.join("count");
        let file = match disk.open(&path, Access::Write) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                disk.open(&path, Access::Create)?
            }
            other => other?,
        };
        let boot = boot();
        let mut kept = [0; 16];
        let next = match read_exact_at(&*file, &mut kept, 0) {
            Ok(()) => {
                let (next, last_boot) = kept.split_at(8);
                let number =
                    |bytes: &[u8]| bytes.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
                let lost = if number(last_boot) == boot { 0 } else { LOST };
                (number(next) % ROUND).max(FIRST) + lost
            }
            Err(_) => FIRST,
        };
        Ok(Self {
            writer: u64::from(writer),
            last: AtomicU64::new(0),
            next: AtomicU64::new(next),
            end: AtomicU64::new(next),
            reserve: Mutex::new(Reserve { file, block: BLOCK, boot }),
        })
    }

    /// A new ID, long if `enable_long_queue_ids` is on, and the time in it, which is when the
    /// message arrived.
    pub fn next(&self, long: bool) -> (QueueId, Timestamp) {
        self.next_at(crate::sys::now(), long)
    }

    fn next_at(&self, now: u64, long: bool) -> (QueueId, Timestamp) {
        // Never the same microsecond twice, not even when the clock is set back.
        let bump = |last: u64| Some(now.max(last + 1));
        let at = match self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, bump) {
            Ok(last) | Err(last) => now.max(last + 1),
        };
        let time = Timestamp(at);
        let number = number(self.count(), self.writer);
        let id = if long {
            QueueId::long(time.seconds(), time.micros(), number)
        } else {
            QueueId::short(time.micros(), number)
        };
        (id, time)
    }

    fn count(&self) -> u64 {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        if count >= self.end.load(Ordering::Acquire) {
            self.set_aside(count);
        }
        count
    }

    /// Sets counts aside beyond `count`. A disk that fails here will refuse the message itself.
    fn set_aside(&self, count: u64) {
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        if count < self.end.load(Ordering::Acquire) {
            return;
        }
        let end = count + reserve.block;
        let (next, boot) = (end.to_le_bytes(), reserve.boot.to_le_bytes());
        let mut parts = [IoSlice::new(&next), IoSlice::new(&boot)];
        let _ = write_all_at(&*reserve.file, &mut parts, 0);
        reserve.block = (reserve.block * 2).min(BLOCK_MAX);
        self.end.store(end, Ordering::Release);
    }
}

/// Count and writer in one number, different for each pair; the first fifteen writers take one
/// digit.
fn number(count: u64, writer: u64) -> u64 {
    match writer {
        0..15 => count << 4 | writer,
        _ => (count << 16 | (writer & 0xffff)) << 4 | 15,
    }
}

/// Different after each start of the machine.
fn boot() -> u64 {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    u64::from(crc32fast::hash(&text))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::disk::RealDisk;
    use super::*;

    fn ids(directory: &Path, writer: u32) -> QueueIds {
        QueueIds::open(&RealDisk, directory, writer).unwrap()
    }

    #[test]
    fn ids_differ_between_writers_and_when_the_clock_stands_still() {
        let folders: Vec<_> = (0..20).map(|_| tempfile::tempdir().unwrap()).collect();
        let mut seen = HashSet::new();
        for round in 0..3 {
            // Each round is another life of the process.
            let generators: Vec<QueueIds> =
                folders.iter().zip(0..).map(|(folder, w)| ids(folder.path(), w)).collect();
            for _ in 0..200 {
                for ids in &generators {
                    assert!(seen.insert(ids.next_at(1_790_000_000_000_000, false).0), "{round}");
                    let number = number(ids.count(), ids.writer);
                    assert!(seen.insert(QueueId::short(0, number)));
                }
            }
        }
    }

    #[test]
    fn counts_of_another_start_of_the_machine_are_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let kept = [77u64.to_le_bytes(), u64::MAX.to_le_bytes()].concat();
        std::fs::write(folder.path().join("count"), kept).unwrap();
        assert_eq!(ids(folder.path(), 0).count(), 77 + LOST);
        std::fs::write(folder.path().join("count"), [255; 16]).unwrap();
        assert!(ids(folder.path(), 0).count() < 2 * ROUND);
    }

    #[test]
    fn short_ids_look_like_those_of_postfix() {
        for (writer, length) in [(0, 8), (14, 8), (15, 12)] {
            let folder = tempfile::tempdir().unwrap();
            let text =
                ids(folder.path(), writer).next_at(1_790_000_000_000_000, false).0.to_string();
            assert_eq!(text.len(), length, "{text}");
            assert!(text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')), "{text}");
        }
    }
}
