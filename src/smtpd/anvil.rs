//! What each client has done lately: anvil(8), in this process.
//!
//! [`Anvil`] has the accounts of one service, [`Peaks`] the highest counts of all of them, which the
//! log hears of now and then.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::log::Log;
use crate::sys::date::asctime;

/// What one client network did to one service.
#[derive(Clone, Copy, Debug)]
struct Account {
    /// Connections now open.
    open: u32,
    /// When the counts below began.
    since: Instant,
    /// By [`Event`].
    counts: [u32; EVENTS],
}

/// The accounts of a service.
#[derive(Debug)]
pub struct Anvil {
    /// First column of master.cf.
    service: String,
    unit: Duration,
    ipv4_prefix: u8,
    ipv6_prefix: u8,
    accounts: Mutex<Accounts>,
    peaks: Arc<Peaks>,
}

#[derive(Debug)]
struct Accounts {
    by_range: HashMap<IpAddr, Account, foldhash::fast::RandomState>,
    swept: Instant,
}

/// What is counted, in the order of the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A connection.
    Connection,
    /// A MAIL command.
    Message,
    /// A RCPT or VRFY command.
    Recipient,
    /// A TLS session that was not resumed.
    NewTls,
    /// An AUTH command.
    Auth,
}

const EVENTS: usize = 5;

/// As the statistics call them.
const TITLES: [&str; EVENTS] =
    ["connection rate", "message rate", "recipient rate", "newtls rate", "auth rate"];

impl Anvil {
    /// No client seen yet. Counts are per `unit` (`anvil_rate_time_unit`), and clients with the
    /// same address prefix are one.
    pub fn new(
        service: &str,
        unit: Duration,
        (ipv4_prefix, ipv6_prefix): (u8, u8),
        peaks: Arc<Peaks>,
    ) -> Self {
        let accounts = Accounts { by_range: HashMap::default(), swept: Instant::now() };
        let service = service.to_owned();
        Self { service, unit, ipv4_prefix, ipv6_prefix, accounts: Mutex::new(accounts), peaks }
    }

    /// A client has connected; returns how many connections it has, and how many it made within
    /// the time unit.
    pub fn connect(&self, address: IpAddr) -> (u32, u32) {
        let (open, rate) = self.with(address, |account| {
            account.open = account.open.saturating_add(1);
            (account.open, account.count(Event::Connection))
        });
        self.peaks.came(Event::Connection, rate, || self.client(address));
        self.peaks.opened(open, || self.client(address));
        (open, rate)
    }

    /// Its connection is closed.
    pub fn disconnect(&self, address: IpAddr) {
        self.with(address, |account| account.open = account.open.saturating_sub(1));
        self.peaks.touched();
    }

    /// Counts an event; returns how many there were within the time unit.
    pub fn count(&self, address: IpAddr, event: Event) -> u32 {
        let rate = self.with(address, |account| account.count(event));
        self.peaks.came(event, rate, || self.client(address));
        rate
    }

    /// How many there were, without counting another one.
    pub fn so_far(&self, address: IpAddr, event: Event) -> u32 {
        self.with(address, |account| account.counts.get(event as usize).copied().unwrap_or(0))
    }

    /// `service:range`, as the statistics name clients.
    fn client(&self, address: IpAddr) -> String {
        let prefix = match address {
            IpAddr::V4(_) if self.ipv4_prefix < 32 => format!("/{}", self.ipv4_prefix),
            IpAddr::V6(_) if self.ipv6_prefix < 128 => format!("/{}", self.ipv6_prefix),
            _ => String::new(),
        };
        format!("{}:{}{prefix}", self.service, self.range(address))
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
        let fresh = Account { open: 0, since: now, counts: [0; EVENTS] };
        let account = accounts.by_range.entry(self.range(address)).or_insert(fresh);
        if now.duration_since(account.since) > self.unit {
            *account = Account { open: account.open, ..fresh };
        }
        let result = act(account);
        self.peaks.remembers(accounts.by_range.len());
        result
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

impl Account {
    /// Counts an event.
    fn count(&mut self, event: Event) -> u32 {
        let Some(count) = self.counts.get_mut(event as usize) else { return 0 };
        *count = count.saturating_add(1);
        *count
    }
}

/// The highest counts since the log last heard of them.
#[derive(Debug)]
pub struct Peaks {
    unit: Duration,
    inner: Mutex<Highest>,
}

#[derive(Debug)]
struct Highest {
    rates: [Option<Peak>; EVENTS],
    open: Option<Peak>,
    /// Accounts that were remembered at once; nobody in particular.
    size: Option<Peak>,
    touched: Instant,
}

/// A highest count, whose it was, and when (microseconds since 1970).
#[derive(Clone, Debug, Default)]
struct Peak {
    count: usize,
    whose: String,
    when: u64,
}

impl Peaks {
    /// Nothing yet. Rates are per `unit`.
    pub fn new(unit: Duration) -> Self {
        let rates = std::array::from_fn(|_| None);
        let inner = Highest { rates, open: None, size: None, touched: Instant::now() };
        Self { unit, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Highest> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touched(&self) {
        self.lock().touched = Instant::now();
    }

    fn came(&self, event: Event, rate: u32, whose: impl FnOnce() -> String) {
        let mut inner = self.lock();
        inner.touched = Instant::now();
        if let Some(peak) = inner.rates.get_mut(event as usize) {
            raise(peak, rate as usize, whose);
        }
    }

    fn opened(&self, open: u32, whose: impl Fn() -> String) {
        raise(&mut self.lock().open, open as usize, &whose);
    }

    fn remembers(&self, accounts: usize) {
        raise(&mut self.lock().size, accounts, String::new);
    }

    /// When anything last happened.
    pub fn last_touched(&self) -> Instant {
        self.lock().touched
    }

    /// Tells the log, and begins anew.
    pub fn report(&self, log: &Log) {
        for line in self.take() {
            log.info(format_args!("statistics: max {line}"));
        }
    }

    /// What there is to tell, in Postfix's order.
    fn take(&self) -> Vec<String> {
        let unit = self.unit.as_secs();
        let mut inner = self.lock();
        let mut open = inner.open.take();
        let mut lines = Vec::new();
        for (title, peak) in TITLES.iter().zip(&mut inner.rates) {
            if let Some(Peak { count, whose, when }) = peak.take() {
                lines.push(format!("{title} {count}/{unit}s for ({whose}) at {}", date(when)));
            }
            if let Some(Peak { count, whose, when }) = open.take() {
                lines.push(format!("connection count {count} for ({whose}) at {}", date(when)));
            }
        }
        if let Some(Peak { count, when, .. }) = inner.size.take() {
            lines.push(format!("cache size {count} at {}", date(when)));
        }
        lines
    }
}

/// `Nov 22 10:02:39`; microseconds since 1970.
fn date(when: u64) -> String {
    let text = asctime(when / 1_000_000);
    text.get(4..19).unwrap_or(&text).to_owned()
}

fn raise(peak: &mut Option<Peak>, count: usize, whose: impl FnOnce() -> String) {
    if peak.as_ref().is_none_or(|peak| count > peak.count) {
        *peak = Some(Peak { count, whose: whose(), when: crate::sys::now() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anvil(unit: Duration, prefixes: (u8, u8)) -> Anvil {
        Anvil::new("smtp", unit, prefixes, Arc::new(Peaks::new(unit)))
    }

    #[test]
    fn counts_by_prefix() {
        let anvil = anvil(Duration::from_secs(60), (24, 64));
        let [a, b, c] = ["192.0.2.1", "192.0.2.9", "192.0.3.1"].map(|a| a.parse().unwrap());
        assert_eq!(anvil.connect(a), (1, 1));
        assert_eq!(anvil.connect(b), (2, 2));
        assert_eq!(anvil.connect(c), (1, 1));
        anvil.disconnect(a);
        assert_eq!(anvil.connect(a), (2, 3));
        assert_eq!(anvil.count(a, Event::Message), 1);
        assert_eq!(anvil.count(b, Event::Message), 2);
        assert_eq!(anvil.count(b, Event::Recipient), 1);
        assert_eq!(anvil.so_far(a, Event::Message), 2);
    }

    #[test]
    fn whole_prefixes() {
        let anvil = anvil(Duration::from_secs(60), (0, 128));
        assert_eq!(anvil.range("10.1.2.3".parse().unwrap()), IpAddr::from([0, 0, 0, 0]));
        let v6: IpAddr = "2001:db8::7".parse().unwrap();
        assert_eq!(anvil.range(v6), v6);
        assert_eq!(anvil.client(v6), "smtp:2001:db8::7");
        assert_eq!(anvil.client("10.1.2.3".parse().unwrap()), "smtp:0.0.0.0/0");
    }

    #[test]
    fn counts_start_again() {
        let anvil = anvil(Duration::ZERO, (32, 64));
        let a: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(anvil.connect(a), (1, 1));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(anvil.connect(a), (2, 1));
    }

    #[test]
    fn peaks_are_reported_once() {
        let anvil = anvil(Duration::from_secs(60), (32, 64));
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|a| a.parse().unwrap());
        for client in [a, a, b] {
            anvil.connect(client);
        }
        anvil.count(b, Event::Auth);
        let lines = anvil.peaks.take();
        let starts = [
            "connection rate 2/60s for (smtp:192.0.2.1) at ",
            "connection count 2 for (smtp:192.0.2.1) at ",
            "auth rate 1/60s for (smtp:192.0.2.2) at ",
            "cache size 2 at ",
        ];
        assert_eq!(lines.len(), starts.len(), "{lines:?}");
        assert!(lines.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{lines:?}");
        assert!(anvil.peaks.take().is_empty());
    }
}
