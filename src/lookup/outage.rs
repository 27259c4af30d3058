//! How much is logged about a table that fails.
//!
//! Two sorts of lines are told apart. That a server is not there is said once, when it is found
//! out, and again every hour while it lasts: each look-up that fails meanwhile has a line anyhow,
//! that of whoever asked, such as smtpd's `lookup error` or `reject: … 451 4.3.0`, which has the
//! session or the message in it and which tools that watch Postfix's log count. Postfix repeats the
//! server's line in each process and at each attempt; that says nothing new.
//!
//! What is wrong with one question or one answer (an error in a query, too many results) names the
//! key, so each such line is of use; but not thousands of them: [`LINES`] in [`WINDOW`].

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines about one table in one [`WINDOW`].
const LINES: u32 = 40;
const WINDOW: Duration = Duration::from_secs(300);
/// While a server stays away, that is said again so often.
const REMINDER: Duration = Duration::from_secs(3600);

/// The trouble with one table, counted by whoever asks it.
#[derive(Debug, Default)]
pub struct Limited(Mutex<Outage>);

impl Limited {
    /// Whether one more line may be logged now.
    pub fn may_complain(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).may_complain()
    }

    /// The server is away: whether that is to be logged.
    #[cfg(any(feature = "mongodb", feature = "nis"))]
    pub fn begins(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).absence.begins(Instant::now())
    }

    /// The server is there.
    #[cfg(any(feature = "mongodb", feature = "nis"))]
    pub fn is_over(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).absence.is_over();
    }
}

/// The trouble with one table so far.
#[derive(Debug, Default)]
pub struct Outage {
    since: Option<Instant>,
    lines: u32,
    #[cfg(any(feature = "mongodb", feature = "nis"))]
    absence: Absence,
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

/// When it was last said that a server is away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Absence(Option<Instant>);

impl Absence {
    /// The server is away: whether that is to be logged now.
    pub fn begins(&mut self, now: Instant) -> bool {
        let is_news = self.0.is_none_or(|said| now.duration_since(said) > REMINDER);
        if is_news {
            self.0 = Some(now);
        }
        is_news
    }

    /// The server is there.
    pub fn is_over(&mut self) {
        self.0 = None;
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

    #[test]
    fn an_absence_is_said_once() {
        let mut absence = Absence::default();
        let start = Instant::now();
        assert!(absence.begins(start));
        assert!(!absence.begins(start + REMINDER / 2));
        assert!(absence.begins(start + REMINDER + Duration::from_secs(1)));
        absence.is_over();
        assert!(absence.begins(start));
    }
}
