//! Clients that guess passwords wait longer and longer for each further try.
//!
//! The wait comes before the password is looked at, so that a client which hangs up rather than wait
//! has learned nothing. Where one address stands for many users (webmail), it belongs into
//! `smtpd_client_event_limit_exceptions`, whose default is `$mynetworks`: those are never slowed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many failures cost nothing: people mistype, and programs keep old passwords.
const FREE: u32 = 5;

/// Longest wait.
const LONGEST: Duration = Duration::from_secs(16);

/// When the last failure is so long ago, all of them are forgotten.
const MEMORY: Duration = Duration::from_secs(600);

/// Most clients that are remembered, 4 MiB.
const CLIENTS_MAX: usize = 50_000;

/// The clients that failed lately, of all services of the process.
#[derive(Debug, Default)]
pub struct Guesses {
    by_client: Mutex<HashMap<IpAddr, Failures, foldhash::fast::RandomState>>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Guesses {
    /// A password of this client's was wrong; returns how many there were lately.
    pub fn failed(&self, client: IpAddr) -> u32 {
        self.failed_at(client, Instant::now())
    }

    fn failed_at(&self, client: IpAddr, now: Instant) -> u32 {
        let mut clients = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX {
            clients.retain(|_, failures| failures.is_recent(now));
        }
        if clients.len() >= CLIENTS_MAX {
            // Those who are slowed stay; if that does not help either, somebody has a whole network,
            // and begins anew.
            clients.retain(|_, failures| failures.count > FREE);
            if clients.len() >= CLIENTS_MAX {
                clients.clear();
            }
        }
        let failures = clients.entry(network(client)).or_insert(Failures { count: 0, last: now });
        if !failures.is_recent(now) {
            failures.count = 0;
        }
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        failures.count
    }

    /// How long this client waits before its next try.
    pub fn wait(&self, client: IpAddr) -> Duration {
        let clients = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        match clients.get(&network(client)) {
            Some(failures) if failures.is_recent(Instant::now()) => wait_after(failures.count),
            _ => Duration::ZERO,
        }
    }
}

impl Failures {
    fn is_recent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < MEMORY
    }
}

/// One second after the first that is not free, then twice as long each time.
pub fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE) {
        None => Duration::ZERO,
        Some(doubled) => {
            let seconds = 1_u64.checked_shl(doubled).unwrap_or(u64::MAX);
            Duration::from_secs(seconds).min(LONGEST)
        }
    }
}

/// Whoever has an IPv6 address has a network of them.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let seconds: Vec<u64> = (0..12).map(|count| wait_after(count).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 16, 16]);
        assert_eq!(wait_after(u32::MAX), LONGEST);
    }

    #[test]
    fn each_client_by_itself() {
        let guesses = Guesses::default();
        let [a, b, c]: [IpAddr; 3] =
            ["192.0.2.1", "2001:db8::1", "2001:db8::ffff:2"].map(|a| a.parse().unwrap());
        for count in 1..=FREE {
            assert_eq!(guesses.failed(a), count);
            guesses.failed(b);
        }
        assert_eq!(guesses.wait(a), Duration::from_secs(1));
        assert_eq!(guesses.wait(c), Duration::from_secs(1));
        assert_eq!(guesses.wait("192.0.2.2".parse().unwrap()), Duration::ZERO);
    }

    #[test]
    fn old_failures_are_forgotten() {
        let guesses = Guesses::default();
        let a: IpAddr = "192.0.2.1".parse().unwrap();
        let now = Instant::now();
        assert_eq!(guesses.failed_at(a, now), 1);
        assert_eq!(guesses.failed_at(a, now), 2);
        assert_eq!(guesses.failed_at(a, now + MEMORY), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let guesses = Guesses::default();
        let count = u32::try_from(CLIENTS_MAX).unwrap() + 10;
        for number in 0..count {
            guesses.failed(IpAddr::from(number.to_be_bytes()));
        }
        assert!(guesses.by_client.lock().unwrap().len() <= CLIENTS_MAX);
    }
}
