//! Answers that may still be used, by their own time to live. Failures are never kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{Kind, Record, Search};

/// Most answers that are kept; beyond that the cache starts anew.
const ENTRIES_MAX: usize = 8192;
/// Longest time that an answer is kept, whatever its time to live.
const TTL_MAX: Duration = Duration::from_secs(300);

/// What was asked, and how.
type Key = (String, Kind, Search);

type Entries = HashMap<Key, (Instant, Arc<Vec<Record>>)>;

/// The cache of a resolver.
#[derive(Debug, Default)]
pub(super) struct Cache {
    entries: Mutex<Entries>,
}

impl Cache {
    /// The records, if they are still good.
    pub(super) fn find(&self, name: &str, kind: Kind, search: Search) -> Option<Arc<Vec<Record>>> {
        let mut entries = self.entries.lock().ok()?;
        let key = (name.to_ascii_lowercase(), kind, search);
        let (until, records) = entries.get(&key)?;
        if Instant::now() < *until {
            return Some(records.clone());
        }
        entries.remove(&key);
        None
    }

    /// Keeps records for `ttl` seconds.
    pub(super) fn keep(
        &self,
        (name, kind, search): (&str, Kind, Search),
        ttl: u32,
        records: Arc<Vec<Record>>,
    ) {
        let ttl = Duration::from_secs(ttl.into()).min(TTL_MAX);
        let Ok(mut entries) = self.entries.lock() else { return };
        if ttl.is_zero() {
            return;
        }
        if entries.len() >= ENTRIES_MAX {
            entries.clear();
        }
        let key = (name.to_ascii_lowercase(), kind, search);
        entries.insert(key, (Instant::now() + ttl, records));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_not_kept() {
        let (cache, plain) = (Cache::default(), Search::default());
        cache.keep(("A.example", Kind::Mx, plain), 0, Arc::default());
        assert!(cache.find("a.example", Kind::Mx, plain).is_none());
        cache.keep(("A.example", Kind::Mx, plain), 60, Arc::default());
        assert!(cache.find("a.example", Kind::Mx, plain).is_some());
        assert!(cache.find("a.example", Kind::A, plain).is_none());
        // What was asked without DNSSEC says nothing about it.
        let dnssec = Search { dnssec: true, ..plain };
        assert!(cache.find("a.example", Kind::Mx, dnssec).is_none());
    }
}
