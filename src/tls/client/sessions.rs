//! Sessions that a client resumes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::client::ClientSessionMemoryCache;

/// Destinations whose sessions are remembered.
const SESSIONS_MAX: usize = 1024;

/// Sessions of one destination.
const SESSIONS_EACH: usize = 4;

/// Sessions that can be resumed, by what they were made for.
#[derive(Debug)]
pub(super) struct Sessions {
    lifetime: Duration,
    known: Mutex<HashMap<String, (Instant, Arc<ClientSessionMemoryCache>)>>,
}

impl Sessions {
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { lifetime, known: Mutex::default() }
    }

    pub(super) fn of(&self, key: &str) -> Arc<ClientSessionMemoryCache> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((since, sessions)) = known.get(key)
            && now.duration_since(*since) < self.lifetime
        {
            return sessions.clone();
        }
        if known.len() >= SESSIONS_MAX {
            known.retain(|_, (since, _)| now.duration_since(*since) < self.lifetime / 2);
        }
        let fresh = Arc::new(ClientSessionMemoryCache::new(SESSIONS_EACH));
        if known.len() < SESSIONS_MAX {
            known.insert(key.to_owned(), (now, fresh.clone()));
        }
        fresh
    }

    pub(super) fn forget(&self, key: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
