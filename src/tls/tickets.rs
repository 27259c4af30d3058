//! Session tickets: what lets a client come back without the whole handshake.
//!
//! Each service has keys of its own that never leave the process, so that a ticket of one service
//! or one configuration is of no use with another. Keys are replaced after
//! `smtpd_tls_session_cache_timeout`, and are good for reading that long again.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

use super::proof::Record;

/// The tickets of one service.
#[derive(Debug)]
pub struct Tickets {
    lifetime: Duration,
    keys: RwLock<Keys>,
}

#[derive(Clone, Debug)]
struct Keys {
    current: Arc<dyn ProducesTickets>,
    previous: Option<Arc<dyn ProducesTickets>>,
    since: Instant,
}

impl Tickets {
    /// Tickets that are good for `lifetime`; none if that is zero, or there is no randomness.
    pub fn new(lifetime: Duration) -> Option<Arc<Self>> {
        let current = Ticketer::new().ok().filter(|_| !lifetime.is_zero())?;
        let keys = Keys { current, previous: None, since: Instant::now() };
        Some(Arc::new(Self { lifetime, keys: RwLock::new(keys) }))
    }

    fn keys(&self) -> Keys {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        if keys.since.elapsed() < self.lifetime {
            return keys;
        }
        let mut kept = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let age = kept.since.elapsed();
        if age >= self.lifetime
            && let Ok(fresh) = Ticketer::new()
        {
            let old = std::mem::replace(&mut kept.current, fresh);
            kept.previous = (age < 2 * self.lifetime).then_some(old);
            kept.since = Instant::now();
        }
        kept.clone()
    }
}

/// The tickets of a service as one handshake sees them.
#[derive(Debug)]
pub struct ForHandshake {
    tickets: Arc<Tickets>,
    record: Arc<Record>,
}

impl ForHandshake {
    /// No ticket is issued for a handshake whose record has a certificate without its key: the
    /// session would come back as if it had been proven.
    pub fn new(tickets: Arc<Tickets>, record: Arc<Record>) -> Self {
        Self { tickets, record }
    }
}

impl ProducesTickets for ForHandshake {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(self.tickets.lifetime.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if self.record.has_failed() { None } else { self.tickets.keys().current.encrypt(plain) }
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let keys = self.tickets.keys();
        keys.current
            .decrypt(cipher)
            .or_else(|| keys.previous.as_ref().and_then(|previous| previous.decrypt(cipher)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(tickets: &Arc<Tickets>) -> ForHandshake {
        ForHandshake::new(tickets.clone(), Arc::default())
    }

    #[test]
    fn a_ticket_belongs_to_its_service() {
        let hour = Duration::from_secs(3600);
        let (one, other) = (Tickets::new(hour).unwrap(), Tickets::new(hour).unwrap());
        let ticket = seen(&one).encrypt(b"session").unwrap();
        assert_eq!(seen(&one).decrypt(&ticket).unwrap(), b"session");
        assert_eq!(seen(&other).decrypt(&ticket), None);
        assert!(Tickets::new(Duration::ZERO).is_none());
    }

    #[test]
    fn keys_are_replaced_and_read_once_more() {
        let tickets = Tickets::new(Duration::from_millis(60)).unwrap();
        let ticket = seen(&tickets).encrypt(b"session").unwrap();
        std::thread::sleep(Duration::from_millis(70));
        assert!(seen(&tickets).decrypt(&ticket).is_some());
        std::thread::sleep(Duration::from_millis(130));
        assert_eq!(seen(&tickets).decrypt(&ticket), None);
    }
}
