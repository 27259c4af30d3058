//! Queue IDs that no other process of this queue gives out.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::mail::envelope::Timestamp;
use crate::mail::queue_id::QueueId;

/// Gives out queue IDs. One for each [`super::Writer`], whose number is part of every ID.
///
/// Postfix makes its IDs unique with the inode number of the queue file. Here the number is the
/// second and the writer; the microseconds before it differ for each ID of a writer in a second.
#[derive(Debug)]
pub struct QueueIds {
    writer: u64,
    last: AtomicU64,
}

/// Seconds after which the short form repeats itself: about 182 days.
const ROUND: u64 = 0xF0_0000;

impl QueueIds {
    /// For the writer of that number.
    pub fn new(writer: u32) -> Self {
        Self { writer: u64::from(writer), last: AtomicU64::new(0) }
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
        // Six hexadecimal digits at least, as inode numbers tend to have.
        let number = (self.writer << 24) | (0x10_0000 + time.seconds() % ROUND);
        let id = if long {
            QueueId::long(time.seconds(), time.micros(), number)
        } else {
            QueueId::short(time.micros(), number)
        };
        (id, time)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ_between_writers_and_when_the_clock_stands_still() {
        let generators: Vec<QueueIds> = (0..4).map(QueueIds::new).collect();
        let mut seen = HashSet::new();
        for i in 0..2000 {
            let now = 1_790_000_000_000_000 - i * 700;
            for ids in &generators {
                assert!(seen.insert(ids.next_at(now, false).0));
                assert!(seen.insert(ids.next_at(now, true).0));
            }
        }
    }

    #[test]
    fn short_ids_look_like_those_of_postfix() {
        for (writer, now) in [(0, 0), (0, 1_790_000_000_000_000), (255, 1_999_999_999_999_999)] {
            let text = QueueIds::new(writer).next_at(now, false).0.to_string();
            assert!((8..=14).contains(&text.len()), "{text}");
            assert!(text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')), "{text}");
        }
    }
}
