//! What is known about a client by its tests: pure decisions, and the record that outlives them.
//!
//! A record reads `pregreet;dnsbl;pipelining;non-smtp;bare-newline`, as in Postfix's
//! postscreen_cache_map: for each test the second (since 1970) up to which it counts as passed, 0 if
//! it never was, 1 if it never was because it was off.

use std::fmt;

/// The tests, in the order of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Waits for the greeting.
    Pregreet,
    /// Is on no DNS list.
    Dnsbl,
    /// Sends one command at a time.
    Pipelining,
    /// Gives SMTP commands.
    NonSmtp,
    /// Ends lines with CR LF.
    BareNewline,
}

/// All of them.
pub const TESTS: [Test; 5] =
    [Test::Pregreet, Test::Dnsbl, Test::Pipelining, Test::NonSmtp, Test::BareNewline];

/// Some of the tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tests(u8);

impl Tests {
    /// None.
    pub const NONE: Self = Self(0);
    /// Those before the greeting.
    pub const EARLY: Self = Self(0b00011);
    /// Those after it.
    pub const DEEP: Self = Self(0b11100);

    /// With one more.
    pub fn add(&mut self, test: Test) {
        self.0 |= 1 << test as u8;
    }

    /// With one less.
    pub fn remove(&mut self, test: Test) {
        self.0 &= !(1 << test as u8);
    }

    /// Whether `test` is among them.
    pub const fn has(self, test: Test) -> bool {
        self.0 & (1 << test as u8) != 0
    }

    /// Those that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that are in one of them.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there are none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Until when each test counts as passed, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times([Option<u64>; 5]);

/// The test was never passed.
const NEW: u64 = 0;
/// It was never passed, and was off.
const OFF: u64 = 1;

impl Times {
    /// Nothing is known yet, not even that the client is new: it was never looked up.
    pub const UNKNOWN: Self = Self([None; 5]);
    /// A client that is not known.
    pub const NEW: Self = Self([Some(NEW); 5]);

    /// Reads a record. Older ones have fewer fields, and what is no number counts as off.
    pub fn parse(record: &str) -> Self {
        let mut fields = record.split(';').map(|field| field.parse::<u64>().ok());
        Self(std::array::from_fn(|_| Some(fields.next().flatten().unwrap_or(OFF))))
    }

    /// The record; tests that are not among `enabled` are marked as off, so that a client does not
    /// become a new one when one of them is switched on.
    pub fn record(&self, enabled: Tests) -> String {
        let mut fields = Vec::with_capacity(TESTS.len());
        for test in TESTS {
            let time = match self.at(test).unwrap_or(NEW) {
                NEW if !enabled.has(test) => OFF,
                time => time,
            };
            fields.push(time.to_string());
        }
        fields.join(";")
    }

    fn at(&self, test: Test) -> Option<u64> {
        self.0.get(test as usize).copied().flatten()
    }

    /// Sets the time of one test.
    pub fn set(&mut self, test: Test, until: u64) {
        if let Some(time) = self.0.get_mut(test as usize) {
            *time = Some(until);
        }
    }

    /// Marks a test as not passed.
    pub fn forget(&mut self, test: Test) {
        self.set(test, OFF);
    }

    /// Sets the time of one test unless it is later already.
    pub fn extend(&mut self, test: Test, until: u64) {
        if self.at(test).is_none_or(|time| time < until) {
            self.set(test, until);
        }
    }

    /// Which of the tests that are `enabled` are not passed, or not any more.
    pub fn todo(&self, enabled: Tests, now: u64) -> Tests {
        let mut todo = Tests::NONE;
        for test in TESTS {
            if enabled.has(test) && self.at(test).is_none_or(|until| now > until) {
                todo.add(test);
            }
        }
        todo
    }

    /// Whether a test was never passed.
    fn has_new(&self) -> bool {
        self.0.contains(&Some(NEW))
    }

    /// Whether a cleanup keeps the record: all tests that are `enabled` were passed no longer ago
    /// than `retention` seconds.
    pub fn is_kept(&self, enabled: Tests, now: u64, retention: u64) -> bool {
        self.todo(enabled, now.saturating_sub(retention)).is_empty()
    }
}

/// How the tests of one session stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// To be done in this session.
    pub todo: Tests,
    /// Passed; for the deep tests that may change.
    pub passed: Tests,
    /// Failed, and not forgiven.
    pub failed: Tests,
    /// Of the early tests: finished. Of the deep tests: failed, and not tried again.
    pub done: Tests,
    /// A test was never passed before.
    pub is_new: bool,
    /// postscreen_access_list denies the client.
    pub denied: bool,
    /// The client has come to an address where no pass can be earned.
    pub vetoed: bool,
    /// The client is not handed to smtpd.
    pub stays: bool,
    /// Every command but QUIT ends the session.
    pub ends_at_command: bool,
}

impl Results {
    /// Begins with what the times of the client say at `now`.
    pub fn begin(&mut self, times: &Times, enabled: Tests, now: u64) {
        self.todo = times.todo(enabled, now);
        self.is_new = times.has_new();
    }

    /// Whether anything has failed.
    pub fn has_failed(&self) -> bool {
        self.denied || self.vetoed || !self.failed.is_empty()
    }

    /// Whether nothing is left to be done and nothing has failed: the client is known.
    pub fn is_clear(&self) -> bool {
        self.todo.is_empty() && !self.has_failed()
    }

    /// Passes a test.
    pub fn pass(&mut self, test: Test) {
        self.passed.add(test);
    }

    /// Fails a test.
    pub fn fail(&mut self, test: Test) {
        self.failed.add(test);
    }

    /// Forgives the failure.
    pub fn forgive(&mut self, test: Test) {
        self.failed.remove(test);
    }

    /// Whether all early tests have come to their end.
    pub fn early_done(&self) -> bool {
        let todo = self.todo.and(Tests::EARLY);
        self.done.and(Tests::EARLY) == todo
    }

    /// Whether the client has to speak with the built-in engine after the early tests.
    pub fn needs_engine(&self) -> bool {
        self.stays || self.passed.and(Tests::DEEP) != self.todo.and(Tests::DEEP)
    }

    /// Whether all deep tests that were to be done are passed and nothing speaks against handing
    /// the client over.
    pub fn is_handed_over(&self) -> bool {
        !self.stays
            && !self.ends_at_command
            && !self.has_failed()
            && !self.todo.and(Tests::DEEP).is_empty()
            && self.passed == self.todo
    }

    /// The client is on allow lists in DNS: all other tests count as passed for as long.
    pub fn allow(&mut self, times: &mut Times, until: u64) {
        for test in TESTS.into_iter().filter(|test| *test != Test::Dnsbl) {
            if self.todo.has(test) && !self.passed.has(test) {
                self.done.add(test);
                self.passed.add(test);
            }
            times.extend(test, until);
        }
    }

    /// Ends the session: a client with a failure has passed nothing. Whether it has passed all
    /// that was to be done.
    pub fn conclude(&mut self) -> bool {
        if self.has_failed() {
            self.passed = Tests::NONE;
        }
        !self.passed.is_empty() && self.passed == self.todo
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pregreet => "pregreet",
            Self::Dnsbl => "dnsbl",
            Self::Pipelining => "pipelining",
            Self::NonSmtp => "non-smtp",
            Self::BareNewline => "bare newline",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all() -> Tests {
        Tests::EARLY.or(Tests::DEEP)
    }

    #[test]
    fn records_are_those_of_postfix() {
        let mut times = Times::NEW;
        times.set(Test::Pregreet, 2_000_000_100);
        times.set(Test::Dnsbl, 2_000_000_200);
        assert_eq!(times.record(Tests::EARLY), "2000000100;2000000200;1;1;1");
        assert_eq!(times.record(all()), "2000000100;2000000200;0;0;0");
        assert_eq!(Times::parse("2000000100;2000000200;0;0;0"), times);
        // Of a release with two tests, and of somebody else.
        assert_eq!(Times::parse("5;6").record(all()), "5;6;1;1;1");
        assert_eq!(Times::parse("x;;7").record(all()), "1;1;7;1;1");
        assert_eq!(Times::UNKNOWN.record(all()), "0;0;0;0;0");
    }

    #[test]
    fn what_is_to_be_done() {
        let times = Times::parse("100;50;0;1;200");
        let todo = times.todo(all(), 100);
        assert!(!todo.has(Test::Pregreet) && !todo.has(Test::BareNewline));
        assert!(todo.has(Test::Dnsbl) && todo.has(Test::Pipelining) && todo.has(Test::NonSmtp));
        assert_eq!(times.todo(Tests::NONE, 100), Tests::NONE);
        assert_eq!(Times::UNKNOWN.todo(Tests::EARLY, 0), Tests::EARLY);
        let mut results = Results::default();
        results.begin(&times, Tests::EARLY, 100);
        assert!(results.is_new && !results.is_clear());
        results.begin(&Times::parse("100;100;1;1;1"), Tests::EARLY, 100);
        assert!(!results.is_new && results.is_clear());
    }

    #[test]
    fn the_cleanup_waits_for_the_retention_time() {
        let times = Times::parse("1000;900;1;1;1");
        assert!(times.is_kept(Tests::EARLY, 1400, 500));
        assert!(!times.is_kept(Tests::EARLY, 1401, 500));
        assert!(times.is_kept(Tests::EARLY, 10, 500));
    }

    #[test]
    fn a_failure_takes_all_passes_back() {
        let mut results = Results { todo: Tests::EARLY, ..Results::default() };
        results.pass(Test::Pregreet);
        assert!(!results.clone().conclude(), "one is not done");
        results.pass(Test::Dnsbl);
        assert!(results.clone().conclude());
        results.fail(Test::BareNewline);
        assert!(!results.conclude());
        assert!(results.passed.is_empty());
        assert!(!Results::default().conclude(), "nothing was to be done");
    }

    #[test]
    fn allow_lists_stand_for_all_other_tests() {
        let mut results = Results { todo: all(), ..Results::default() };
        let mut times = Times::NEW;
        times.set(Test::NonSmtp, 5000);
        results.allow(&mut times, 700);
        assert!(results.done.has(Test::Pregreet) && !results.done.has(Test::Dnsbl));
        assert!(!results.needs_engine());
        results.pass(Test::Dnsbl);
        assert!(results.conclude());
        times.set(Test::Dnsbl, 700);
        assert_eq!(times.record(all()), "700;700;700;5000;700");
    }

    #[test]
    fn handing_over_needs_deep_tests_and_no_failure() {
        let mut results = Results { todo: Tests::DEEP, ..Results::default() };
        assert!(!results.is_handed_over());
        results.passed = Tests::DEEP;
        assert!(results.is_handed_over());
        results.vetoed = true;
        assert!(!results.is_handed_over());
        results.vetoed = false;
        results.stays = true;
        assert!(!results.is_handed_over());
        let early = Results { todo: Tests::EARLY, passed: Tests::EARLY, ..Results::default() };
        assert!(!early.is_handed_over());
    }

    proptest! {
        #[test]
        fn any_text_is_a_record(text in ".*", now: u64) {
            let times = Times::parse(&text);
            times.todo(all(), now);
            prop_assert_eq!(Times::parse(&times.record(Tests::NONE)).record(Tests::NONE), times.record(Tests::NONE));
        }
    }
}
