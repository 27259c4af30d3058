//! The clients that are here now: how many there are, how many of each address, and what their
//! sessions share.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::results::Times;
use crate::log::Log;

/// Stress begins at nine tenths of postscreen_pre_queue_limit, and ends at seven.
const HIGH: f64 = 0.9;
const LOW: f64 = 0.7;

/// All clients of one service.
#[derive(Debug)]
pub struct Clients {
    present: Mutex<Present>,
    high: usize,
    low: usize,
    log: Log,
}

#[derive(Debug, Default)]
struct Present {
    /// With a session, whatever it does.
    all: usize,
    /// Of these, those that wait for smtpd.
    waiting: usize,
    stressed: bool,
    by_address: HashMap<IpAddr, (usize, Arc<Client>), foldhash::fast::RandomState>,
}

/// What the sessions of one address share.
#[derive(Debug)]
pub struct Client {
    times: Mutex<Times>,
    /// How often the log was told that it has passed as a new client.
    passed_new: AtomicU32,
}

/// One session. Its end is the end of this value.
#[derive(Debug)]
pub struct Visit {
    clients: Arc<Clients>,
    ip: IpAddr,
    client: Arc<Client>,
    waits: bool,
    /// How many sessions of the address there are with this one.
    pub sessions: usize,
}

/// How full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Sessions with the built-in engine or before it.
    pub under_test: usize,
    /// Clients that wait for smtpd.
    pub waiting: usize,
}

impl Clients {
    /// Nobody is here. `limit` is postscreen_pre_queue_limit; zero is none, and no stress.
    pub fn new(limit: usize, log: Log) -> Arc<Self> {
        let part = |part: f64| match limit {
            0 => usize::MAX,
            // Small numbers: nothing is lost.
            limit => (limit as f64 * part) as usize,
        };
        Arc::new(Self { present: Mutex::default(), high: part(HIGH), low: part(LOW), log })
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody has connected.
    pub fn enter(self: &Arc<Self>, ip: IpAddr) -> Visit {
        let mut present = self.present();
        present.all += 1;
        let all = present.all;
        let begins = !present.stressed && all >= self.high;
        present.stressed |= begins;
        let new = || (0, Arc::new(Client::new()));
        let (sessions, client) = present.by_address.entry(ip).or_insert_with(new);
        *sessions += 1;
        let (sessions, client) = (*sessions, client.clone());
        drop(present);
        if begins {
            self.log.info(format_args!("entering STRESS mode with {all} connections"));
        }
        Visit { clients: self.clone(), ip, client, waits: false, sessions }
    }

    /// How full it is.
    pub fn crowd(&self) -> Crowd {
        let present = self.present();
        let waiting = present.waiting;
        Crowd { under_test: present.all.saturating_sub(waiting), waiting }
    }

    /// Whether times are short.
    pub fn is_stressed(&self) -> bool {
        self.present().stressed
    }
}

impl Client {
    fn new() -> Self {
        Self { times: Mutex::new(Times::UNKNOWN), passed_new: AtomicU32::new(0) }
    }
}

impl Visit {
    /// Until when the client's tests count as passed.
    pub fn times(&self) -> MutexGuard<'_, Times> {
        self.client.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True the first time that the client passes as a new one.
    pub fn passes_first(&self) -> bool {
        self.client.passed_new.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// The session waits for smtpd from now on.
    pub fn waits(&mut self) {
        if !self.waits {
            self.waits = true;
            self.clients.present().waiting += 1;
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut present = self.clients.present();
        present.all = present.all.saturating_sub(1);
        if self.waits {
            present.waiting = present.waiting.saturating_sub(1);
        }
        if let Some((sessions, _)) = present.by_address.get_mut(&self.ip) {
            *sessions -= 1;
            if *sessions == 0 {
                present.by_address.remove(&self.ip);
            }
        }
        let all = present.all;
        let ends = present.stressed && all <= self.clients.low;
        present.stressed &= !ends;
        drop(present);
        if ends {
            self.clients.log.info(format_args!("leaving STRESS mode with {all} connections"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtpd::postscreen::results::Tests;

    #[test]
    fn stress_comes_and_goes() {
        let clients = Clients::new(10, Log::new("postfix", "postscreen"));
        let ip = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut visits: Vec<Visit> = (0..8).map(|last| clients.enter(ip(last))).collect();
        assert!(!clients.is_stressed());
        visits.push(clients.enter(ip(8)));
        assert!(clients.is_stressed());
        visits.pop();
        assert!(clients.is_stressed(), "eight is more than seven");
        visits.pop();
        assert!(!clients.is_stressed());
        assert_eq!(clients.crowd(), Crowd { under_test: 7, waiting: 0 });
        visits[0].waits();
        assert_eq!(clients.crowd(), Crowd { under_test: 6, waiting: 1 });
        visits.clear();
        assert_eq!(clients.crowd(), Crowd { under_test: 0, waiting: 0 });
        assert!(clients.present().by_address.is_empty());
    }

    #[test]
    fn sessions_of_one_address_share_what_is_known() {
        let clients = Clients::new(0, Log::new("postfix", "postscreen"));
        let ip = IpAddr::from([192, 0, 2, 1]);
        let first = clients.enter(ip);
        let second = clients.enter(ip);
        assert_eq!((first.sessions, second.sessions), (1, 2));
        *first.times() = Times::parse("9;9;9;9;9");
        assert!(second.times().todo(Tests::EARLY, 5).is_empty());
        assert!(first.passes_first() && !second.passes_first());
        drop((first, second));
        assert!(!clients.enter(ip).times().todo(Tests::EARLY, 5).is_empty());
    }
}
