//! How many connections, messages and recipients each client has brought lately: anvil(8), in
//! this process.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What one client network did to one service.
#[derive(Clone, Copy, Debug)]
struct Account {
    /// Connections now open.
    open: u32,
    /// When the counts below began.
    since: Instant,
    connections: u32,
    messages: u32,
    recipients: u32,
}

/// The accounts of a service.
#[derive(Debug)]
pub struct Anvil {
    unit: Duration,
    ipv4_prefix: u8,
    ipv6_prefix: u8,
    accounts: Mutex<Accounts>,
}

#[derive(Debug)]
struct Accounts {
    by_range: HashMap<IpAddr, Account, foldhash::fast::RandomState>,
    swept: Instant,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A MAIL command.
    Message,
    /// A RCPT or VRFY command.
    Recipient,
}

impl Anvil {
    /// No client seen yet. Counts are per `unit` (`anvil_rate_time_unit`), and clients with the
    /// same address prefix are one.
    pub fn new(unit: Duration, ipv4_prefix: u8, ipv6_prefix: u8) -> Self {
        let accounts = Accounts { by_range: HashMap::default(), swept: Instant::now() };
        Self { unit, ipv4_prefix, ipv6_prefix, accounts: Mutex::new(accounts) }
    }

    /// A client has connected; returns how many connections it has, and how many it made within
    /// the time unit.
    pub fn connect(&self, address: IpAddr) -> (u32, u32) {
        self.with(address, |account| {
            account.open = account.open.saturating_add(1);
            account.connections = account.connections.saturating_add(1);
            (account.open, account.connections)
        })
    }

    /// Its connection is closed.
    pub fn disconnect(&self, address: IpAddr) {
        self.with(address, |account| account.open = account.open.saturating_sub(1));
    }

    /// Counts an event; returns how many there were within the time unit.
    pub fn count(&self, address: IpAddr, event: Event) -> u32 {
        self.with(address, |account| {
            let counter = match event {
                Event::Message => &mut account.messages,
                Event::Recipient => &mut account.recipients,
            };
            *counter = counter.saturating_add(1);
            *counter
        })
    }

    fn with<T>(&self, address: IpAddr, act: impl FnOnce(&mut Account) -> T) -> T {
        let now = Instant::now();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(accounts.swept) > self.unit {
            accounts.swept = now;
            let unit = self.unit;
            accounts
                .by_range
                .retain(|_, account| account.open > 0 || now.duration_since(account.since) < unit);
        }
        let fresh = Account { open: 0, since: now, connections: 0, messages: 0, recipients: 0 };
        let account = accounts.by_range.entry(self.range(address)).or_insert(fresh);
        if now.duration_since(account.since) > self.unit {
            *account = Account { open: account.open, ..fresh };
        }
        act(account)
    }

    fn range(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(v4) => {
                let keep = u32::MAX.checked_shl(32 - u32::from(self.ipv4_prefix.min(32)));
                IpAddr::V4((v4.to_bits() & keep.unwrap_or(0)).into())
            }
            IpAddr::V6(v6) => {
                let keep = u128::MAX.checked_shl(128 - u32::from(self.ipv6_prefix.min(128)));
                IpAddr::V6((v6.to_bits() & keep.unwrap_or(0)).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_prefix() {
        let anvil = Anvil::new(Duration::from_secs(60), 24, 64);
        let [a, b, c] = ["192.0.2.1", "192.0.2.9", "192.0.3.1"].map(|a| a.parse().unwrap());
        assert_eq!(anvil.connect(a), (1, 1));
        assert_eq!(anvil.connect(b), (2, 2));
        assert_eq!(anvil.connect(c), (1, 1));
        anvil.disconnect(a);
        assert_eq!(anvil.connect(a), (2, 3));
        assert_eq!(anvil.count(a, Event::Message), 1);
        assert_eq!(anvil.count(b, Event::Message), 2);
        assert_eq!(anvil.count(b, Event::Recipient), 1);
    }

    #[test]
    fn whole_prefixes() {
        let anvil = Anvil::new(Duration::from_secs(60), 0, 128);
        assert_eq!(anvil.range("10.1.2.3".parse().unwrap()), IpAddr::from([0, 0, 0, 0]));
        let v6: IpAddr = "2001:db8::7".parse().unwrap();
        assert_eq!(anvil.range(v6), v6);
    }

    #[test]
    fn counts_start_again() {
        let anvil = Anvil::new(Duration::ZERO, 32, 64);
        let a: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(anvil.connect(a), (1, 1));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(anvil.connect(a), (2, 1));
    }
}
