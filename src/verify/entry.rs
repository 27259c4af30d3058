//! What is known about one address, and what follows from it: pure decisions.
//!
//! An entry reads `status:probed:updated:text`, as in Postfix's address_verify_map: the time of a
//! probe that is under way (0: none), the time of the last result (0: none yet), and what the
//! delivery agent said.

use std::time::Duration;

use crate::ipc::verify::Status;

/// A probe without result is taken for lost after so many seconds.
const PROBE_LOST: u64 = 1000;

/// An entry of the cache. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What became of the last probe.
    pub status: Status,
    /// When the probe under way was sent.
    pub probed: u64,
    /// When the last result came.
    pub updated: u64,
    /// What the agent said.
    pub text: String,
}

/// How long entries live.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// address_verify_positive_expire_time
    pub positive_expire: Duration,
    /// address_verify_positive_refresh_time
    pub positive_refresh: Duration,
    /// address_verify_negative_expire_time
    pub negative_expire: Duration,
    /// address_verify_negative_refresh_time
    pub negative_refresh: Duration,
    /// address_verify_negative_cache
    pub negative_cache: bool,
}

/// What a query comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The answer.
    pub status: Status,
    /// Its text.
    pub text: String,
    /// The old entry has to go.
    pub forget: bool,
    /// A probe has to be sent.
    pub probe: bool,
    /// The entry that says so.
    pub store: Option<Entry>,
}

impl Entry {
    /// Reads an entry; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, ':');
        let mut number = || -> Option<u64> {
            let digits = parts.next()?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
        };
        let (status, probed, updated) = (number()?, number()?, number()?);
        let status = match status {
            0 => Status::Deliverable,
            1 => Status::Deferred,
            2 => Status::Bounced,
            3 => Status::Unknown,
            _ => return None,
        };
        if probed == 0 && updated == 0 {
            return None;
        }
        Some(Self { status, probed, updated, text: parts.next()?.to_owned() })
    }

    /// The entry as text.
    pub fn format(&self) -> String {
        let Self { status, probed, updated, text } = self;
        let status = match status {
            Status::Deliverable => 0,
            Status::Deferred => 1,
            Status::Bounced => 2,
            Status::Unknown => 3,
        };
        format!("{status}:{probed}:{updated}:{text}")
    }

    fn is_older(&self, positive: Duration, negative: Duration, now: u64) -> bool {
        let life = if self.status == Status::Deliverable { positive } else { negative };
        self.updated.saturating_add(life.as_secs()) < now
    }

    fn has_expired(&self, times: &Times, now: u64) -> bool {
        self.is_older(times.positive_expire, times.negative_expire, now)
    }

    /// Whether a cleanup keeps the entry.
    pub fn is_alive(&self, times: &Times, now: u64) -> bool {
        now.saturating_sub(self.probed) < PROBE_LOST || !self.has_expired(times, now)
    }
}

/// The answer to a query about an address with this entry.
pub fn decide(entry: Option<Entry>, times: &Times, now: u64) -> Decision {
    let is_probed = |entry: &Entry| now.saturating_sub(entry.probed) <= PROBE_LOST;
    let known = entry.is_some();
    let usable = entry.filter(|entry| is_probed(entry) || !entry.has_expired(times, now));
    let forget = known && usable.is_none() && !times.negative_cache;
    let entry = usable.unwrap_or_else(|| Entry {
        status: Status::Unknown,
        probed: 0,
        updated: 0,
        text: "Address verification in progress".into(),
    });
    let probe =
        !is_probed(&entry) && entry.is_older(times.positive_refresh, times.negative_refresh, now);
    let store = (probe && (entry.updated != 0 || times.negative_cache))
        .then(|| Entry { probed: now, ..entry.clone() });
    Decision { status: entry.status, text: entry.text, forget, probe, store }
}

/// The entry after a result; none if the old one stays: a failure does not take the place of a
/// success, which is probed again at the next query.
pub fn updated(old: Option<&Entry>, status: Status, text: &str, now: u64) -> Option<Entry> {
    if status != Status::Deliverable && old.is_some_and(|old| old.status == Status::Deliverable) {
        return None;
    }
    let clean = |c: char| if c.is_control() { '?' } else { c };
    Some(Entry { status, probed: 0, updated: now, text: text.chars().map(clean).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400;
    const NOW: u64 = 2_000_000_000;

    fn times() -> Times {
        Times {
            positive_expire: Duration::from_secs(31 * DAY),
            positive_refresh: Duration::from_secs(7 * DAY),
            negative_expire: Duration::from_secs(3 * DAY),
            negative_refresh: Duration::from_secs(3 * 3600),
            negative_cache: true,
        }
    }

    fn entry(status: Status, probed: u64, updated: u64) -> Option<Entry> {
        Some(Entry { status, probed, updated, text: "said".into() })
    }

    fn decision(entry: Option<Entry>) -> (Status, bool, bool) {
        let decision = decide(entry, &times(), NOW);
        assert_eq!(decision.store.is_some(), decision.probe);
        (decision.status, decision.probe, decision.forget)
    }

    #[test]
    fn from_unknown_to_known() {
        assert_eq!(decision(None), (Status::Unknown, true, false));
        assert_eq!(decision(entry(Status::Unknown, NOW - 5, 0)), (Status::Unknown, false, false));
        assert_eq!(decision(entry(Status::Unknown, NOW - 1001, 0)), (Status::Unknown, true, false));
        let fresh = entry(Status::Deliverable, 0, NOW - 6 * DAY);
        assert_eq!(decision(fresh), (Status::Deliverable, false, false));
        let stale = entry(Status::Deliverable, 0, NOW - 8 * DAY);
        assert_eq!(decision(stale), (Status::Deliverable, true, false));
        let under_way = entry(Status::Deliverable, NOW - 10, NOW - 8 * DAY);
        assert_eq!(decision(under_way), (Status::Deliverable, false, false));
        let expired = entry(Status::Deliverable, 0, NOW - 32 * DAY);
        assert_eq!(decision(expired), (Status::Unknown, true, false));
        assert!(!decision(entry(Status::Bounced, 0, NOW - 7200)).1);
        assert!(decision(entry(Status::Bounced, 0, NOW - 4 * 3600)).1);
        assert_eq!(decision(entry(Status::Deferred, 0, NOW - 4 * DAY)).0, Status::Unknown);
    }

    #[test]
    fn without_negative_cache() {
        let times = Times { negative_cache: false, ..times() };
        let first = decide(None, &times, NOW);
        assert_eq!((first.probe, first.store, first.forget), (true, None, false));
        let expired = decide(entry(Status::Bounced, 0, NOW - 4 * DAY), &times, NOW);
        assert_eq!((expired.probe, expired.store, expired.forget), (true, None, true));
        let stale = decide(entry(Status::Deliverable, 0, NOW - 8 * DAY), &times, NOW);
        assert_eq!(stale.store.unwrap().probed, NOW);
    }

    #[test]
    fn results() {
        let good = entry(Status::Deliverable, 0, 1);
        assert_eq!(updated(good.as_ref(), Status::Bounced, "x", NOW), None);
        let new = updated(good.as_ref(), Status::Deliverable, "a\tb", NOW).unwrap();
        assert_eq!((new.text.as_str(), new.updated, new.probed), ("a?b", NOW, 0));
        assert!(updated(None, Status::Deferred, "x", NOW).is_some());
    }

    #[test]
    fn cleanup_keeps_what_is_under_way() {
        assert!(entry(Status::Unknown, NOW - 10, 0).unwrap().is_alive(&times(), NOW));
        assert!(!entry(Status::Unknown, NOW - 1001, 0).unwrap().is_alive(&times(), NOW));
        assert!(entry(Status::Bounced, 0, NOW - DAY).unwrap().is_alive(&times(), NOW));
    }

    #[test]
    fn bad_entries() {
        for bad in ["", "0", "0:1:2", "4:1:1:x", "0:0:0:x", "-1:1:1:x", "0:+1:1:x", "0::1:x"] {
            assert_eq!(Entry::parse(bad), None, "{bad}");
        }
        let text = "2:0:17:host a[::1] said: 550 no";
        assert_eq!(Entry::parse(text).unwrap().format(), text);
    }

    proptest! {
        #[test]
        fn never_panics(text: String, now: u64) {
            let entry = Entry::parse(&text);
            decide(entry, &times(), now);
        }

        #[test]
        fn round_trip(probed in 1u64.., updated: u64, text: String) {
            let entry = Entry { status: Status::Deferred, probed, updated, text };
            prop_assert_eq!(Entry::parse(&entry.format()), Some(entry));
        }
    }
}
