//! How much is logged about a table that fails: as much as Postfix does in ordinary trouble, but
//! not a line per message for hours.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines about one table in one [`WINDOW`].
const LINES: u32 = 40;
const WINDOW: Duration = Duration::from_secs(300);

/// The trouble with one table, counted by whoever asks it.
#[derive(Debug, Default)]
pub struct Limited(Mutex<Outage>);

impl Limited {
    /// Whether one more line may be logged now.
    pub fn may_complain(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).may_complain()
    }
}

/// The trouble with one table so far.
#[derive(Debug, Default)]
pub struct Outage {
    since: Option<Instant>,
    lines: u32,
}

impl Outage {
    /// Whether one more line may be logged now.
    pub fn may_complain(&mut self) -> bool {
        self.at(Instant::now())
    }

    fn at(&mut self, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) > WINDOW) {
            self.since = Some(now);
            self.lines = 0;
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= LINES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_silent_and_speaks_again() {
        let mut outage = Outage::default();
        let start = Instant::now();
        for _ in 0..LINES {
            assert!(outage.at(start));
        }
        assert!(!outage.at(start + Duration::from_secs(1)));
        assert!(outage.at(start + WINDOW + Duration::from_secs(1)));
    }
}
