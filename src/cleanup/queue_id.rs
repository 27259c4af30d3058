//! Gives out queue IDs: no two messages of this queue ever share one.
//!
//! What makes an ID unique is the microsecond in which it was given out (one each, in a process)
//! and the number of the spool directory that the process owns.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::mail::envelope::Timestamp;
use crate::mail::queue_id::QueueId;

static LAST: AtomicU64 = AtomicU64::new(0);

/// Seconds are kept to about two years in the short form: no mail waits longer.
const SECONDS_BITS: u32 = 26;

/// A new ID for a message of spool writer `writer`, and its time.
pub(super) fn next(writer: u32, long: bool) -> (QueueId, Timestamp) {
    let now = crate::sys::now();
    let previous =
        LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
    let unique = previous.map_or(now, |last| now.max(last + 1));
    let time = Timestamp(unique);
    let id = if long {
        QueueId::long(time.seconds(), time.micros(), u64::from(writer) + 1)
    } else {
        let seconds = time.seconds() & ((1 << SECONDS_BITS) - 1);
        QueueId::short(time.micros(), u64::from(writer + 1) << SECONDS_BITS | seconds)
    };
    (id, time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_order() {
        let mut last = Timestamp(0);
        let mut seen = std::collections::HashSet::new();
        for i in 0..10_000 {
            let (id, time) = next(i % 3, i % 2 == 0);
            assert!(time > last);
            assert!(seen.insert(id), "{id}");
            last = time;
        }
    }
}
