//! Name service: DNS by the system's resolver configuration, and host names by the system's
//! own rules (hosts file first, where nsswitch.conf says so).
//!
//! The texts of failures are those that Postfix puts into log lines and bounces.

mod answer;
mod cache;
mod filter;
mod probe;
mod servers;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::log::Log;
use crate::mail::hostname;
use crate::sys::netdb::{self, NetdbError, NetdbErrorKind};

pub use answer::{Data, Kind, Record, try_bytes};
pub use filter::ReplyFilter;
pub use probe::Probe;

/// How many look-ups by the system's own functions run at once: each takes a thread.
const NATIVE_MAX: usize = 64;
/// How many CNAMEs lead to an answer at most.
const CNAME_MAX: usize = 10;
/// How many records of one answer are used at most.
const RECORDS_MAX: usize = 100;

/// The resolver of a process, or a view of it with a filter.
#[derive(Debug)]
pub struct Resolver {
    shared: Arc<Shared>,
    filter: Option<ReplyFilter>,
}

/// What all views share.
#[derive(Debug)]
struct Shared {
    servers: servers::Servers,
    cache: cache::Cache,
    native: Arc<Semaphore>,
    log: Option<Log>,
    /// `dnssec_probe`
    probe: Probe,
}

/// A mail exchanger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// Host name without the final dot; empty is the null MX (RFC 7505).
    pub host: String,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsError {
    /// The name does not exist (NXDOMAIN).
    #[error("Host not found")]
    NotFound,
    /// The name exists without a record of this type.
    #[error("Host found but no data record of requested type")]
    NoData,
    /// Try again later: SERVFAIL, time-out.
    #[error("Host not found, try again")]
    TryAgain,
    /// The server will not answer this (REFUSED, FORMERR).
    #[error("Non-recoverable error")]
    NonRecoverable,
    /// The reply cannot be read; temporary.
    #[error("Malformed or unexpected name server reply")]
    Malformed,
    /// The reply, or the name, is malformed; permanent. Which name it is.
    #[error("{0}")]
    Invalid(String),
    /// A filter has taken all records away.
    #[error("DNS reply filter drops all results")]
    Policy,
    /// The domain says that it takes no mail (RFC 7505).
    #[error("no mail is accepted")]
    NullMx,
    /// The domain says that it does not have this service (RFC 2782).
    #[error("no such service")]
    NullSrv,
}

/// A failed look-up with the sentence that the log and the sender see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct LookupError {
    /// The case.
    pub error: DnsError,
    /// The sentence, with name and type.
    pub text: String,
}

/// Which names are tried besides the one asked for (`smtp_dns_resolver_options`), and what else
/// is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Search {
    /// `res_defnames`: a name without dots gets the local domain.
    pub default_domain: bool,
    /// `res_dnsrch`: the search list of resolv.conf applies.
    pub search_list: bool,
    /// The name server is to say whether it has validated the answer (DNSSEC).
    pub dnssec: bool,
}

impl Resolver {
    /// Reads resolv.conf; reads it again when it has changed. Call before confinement.
    pub fn from_system() -> Arc<Self> {
        Self::open(None, Probe::default())
    }

    /// The same; what is odd about answers goes to `log`.
    pub fn with_log(log: Log) -> Arc<Self> {
        Self::open(Some(log), Probe::default())
    }

    /// The same; when answers that should be validated are not, `probe` finds out why.
    pub fn with_probe(log: Log, probe: Probe) -> Arc<Self> {
        Self::open(Some(log), probe)
    }

    fn open(log: Option<Log>, probe: Probe) -> Arc<Self> {
        let shared = Arc::new(Shared {
            servers: servers::Servers::from_system(),
            cache: cache::Cache::default(),
            native: Arc::new(Semaphore::new(NATIVE_MAX)),
            log,
            probe,
        });
        Arc::new(Self { shared, filter: None })
    }

    /// The same name service, with answers as `filter` leaves them.
    pub fn filtered(&self, filter: ReplyFilter) -> Arc<Self> {
        Arc::new(Self { shared: self.shared.clone(), filter: Some(filter) })
    }

    /// MX records, sorted by preference.
    pub async fn mx(&self, domain: &str) -> Result<Vec<Mx>, DnsError> {
        match self.look_up_mx(domain, Search::default()).await {
            Ok(records) => Ok(records),
            Err(LookupError { error: DnsError::NullMx, .. }) => {
                Ok(vec![Mx { preference: 0, host: String::new() }])
            }
            Err(failed) => Err(failed.error),
        }
    }

    /// MX records, sorted by preference; a null MX is an error of its own.
    pub async fn look_up_mx(&self, domain: &str, search: Search) -> Result<Vec<Mx>, LookupError> {
        let records = self.look_up(domain, Kind::Mx, search).await?;
        let mut exchangers: Vec<Mx> = records
            .iter()
            .filter_map(|record| match &record.data {
                Data::Mx { preference, host } => {
                    Some(Mx { preference: *preference, host: host.clone() })
                }
                _ => None,
            })
            .collect();
        exchangers.sort_by_key(|mx| mx.preference);
        Ok(exchangers)
    }

    /// A and AAAA records by DNS, as the two switches ask.
    pub async fn addresses(&self, host: &str, v4: bool, v6: bool) -> Result<Vec<IpAddr>, DnsError> {
        self.look_up_addresses(host, v4, v6, Search::default()).await.map_err(|failed| failed.error)
    }

    /// The same, with the sentence of a failure.
    pub async fn look_up_addresses(
        &self,
        host: &str,
        v4: bool,
        v6: bool,
        search: Search,
    ) -> Result<Vec<IpAddr>, LookupError> {
        let records = self.look_up_records(host, v4, v6, search).await?;
        Ok(records.iter().filter_map(Record::address).collect())
    }

    /// A and AAAA records by DNS, as the two switches ask. What is found with one type hides the
    /// failure of the other; of two failures the less final one counts.
    pub async fn look_up_records(
        &self,
        host: &str,
        v4: bool,
        v6: bool,
        search: Search,
    ) -> Result<Vec<Record>, LookupError> {
        let one = async |wanted: bool, kind| match wanted {
            true => Some(self.look_up(host, kind, search).await),
            false => None,
        };
        let (a, aaaa) = tokio::join!(one(v4, Kind::A), one(v6, Kind::Aaaa));
        let mut found = Vec::new();
        let mut failure: Option<LookupError> = None;
        for result in [a, aaaa].into_iter().flatten() {
            match result {
                Ok(records) => found.extend(records.iter().cloned()),
                Err(failed) => match &failure {
                    Some(before) if before.error.weight() > failed.error.weight() => {}
                    _ => failure = Some(failed),
                },
            }
        }
        match failure {
            Some(failed) if found.is_empty() => Err(failed),
            None if found.is_empty() => Err(LookupError::about(host, Kind::A, DnsError::NoData)),
            _ => Ok(found),
        }
    }

    /// Records of one type, following CNAMEs.
    pub async fn look_up(
        &self,
        name: &str,
        kind: Kind,
        search: Search,
    ) -> Result<Arc<Vec<Record>>, LookupError> {
        if hostname::address(name).is_some() || hostname::check_in_dns(name).is_err() {
            let text = format!("Name service error for {name}: invalid host or domain name");
            return Err(LookupError { error: DnsError::NotFound, text });
        }
        let records = match self.shared.cache.find(name, kind, search) {
            Some(known) => known,
            None => {
                let followed = self.shared.follow(name, kind, search, &mut None).await;
                if search.dnssec {
                    self.shared.probe().await;
                }
                let (records, ttl) = followed?;
                let records = Arc::new(records);
                self.shared.cache.keep((name, kind, search), ttl, records.clone());
                records
            }
        };
        let Some(filter) = &self.filter else { return Ok(records) };
        match filter.apply(&records).await {
            Ok(left) if left.is_empty() => Err(LookupError::about(name, kind, DnsError::Policy)),
            Ok(left) => Ok(Arc::new(left)),
            Err(_) => {
                let text = format!(
                    "Error looking up name={name} type={kind}: Invalid DNS reply filter syntax"
                );
                Err(LookupError { error: DnsError::TryAgain, text })
            }
        }
    }

    /// The A records by which a block or allow list lists `name`, and for how many seconds the
    /// answer holds, if it says: also an answer that there are none (RFC 2308).
    pub async fn listing(
        &self,
        name: &str,
    ) -> (Result<Arc<Vec<Record>>, LookupError>, Option<u32>) {
        let (kind, search) = (Kind::A, Search::default());
        if let Some(known) = self.shared.cache.find(name, kind, search) {
            let ttl = known.iter().map(|record| record.ttl).min();
            return (Ok(known), ttl);
        }
        let mut absent = None;
        match self.shared.follow(name, kind, search, &mut absent).await {
            Ok((records, ttl)) => {
                let records = Arc::new(records);
                self.shared.cache.keep((name, kind, search), ttl, records.clone());
                (Ok(records), Some(ttl))
            }
            Err(failed) => (Err(failed), absent),
        }
    }

    /// Addresses by the system's rules (getaddrinfo).
    pub async fn native_addresses(
        &self,
        host: &str,
        v4: bool,
        v6: bool,
    ) -> Result<Vec<IpAddr>, DnsError> {
        self.system_addresses(host, v4, v6).await.map_err(DnsError::from)
    }

    /// The same with the system's own words for a failure.
    pub async fn system_addresses(
        &self,
        host: &str,
        v4: bool,
        v6: bool,
    ) -> Result<Vec<IpAddr>, NetdbError> {
        let host = host.to_owned();
        self.blocking(move || netdb::addresses(&host, v4, v6)).await
    }

    /// The name of an address by the system's rules (getnameinfo).
    pub async fn native_name(&self, address: IpAddr) -> Result<String, DnsError> {
        self.blocking(move || netdb::name(address)).await.map_err(DnsError::from)
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, NetdbError> + Send + 'static,
    ) -> Result<T, NetdbError> {
        let failed = |text: String| NetdbError { kind: NetdbErrorKind::System, text };
        let permit =
            self.shared.native.clone().acquire_owned().await.map_err(|e| failed(e.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
        .unwrap_or_else(|e| Err(failed(e.to_string())))
    }
}

impl Shared {
    async fn follow(
        &self,
        asked: &str,
        kind: Kind,
        mut search: Search,
        absent: &mut Option<u32>,
    ) -> Result<(Vec<Record>, u32), LookupError> {
        let mut name = asked.to_owned();
        for _ in 0..CNAME_MAX {
            let asked = self.servers.ask(&name, kind, search).await;
            *absent = asked.absent;
            if asked.validated {
                self.probe.succeeded();
            }
            *absent = asked.absent;
            if let Some(log) = &self.log {
                for oddity in &asked.oddities {
                    log.warning(format_args!("{oddity}"));
                }
            }
            match asked.answer.map_err(|error| LookupError::about(&name, kind, error))? {
                answer::Answer::Records(mut records, ttl) => {
                    records.truncate(RECORDS_MAX);
                    records.iter_mut().for_each(|record| record.validated &= search.dnssec);
                    return Ok((records, ttl));
                }
                // What an alias leads to is as sure as the alias is: without an AD bit here there
                // can be none further on.
                answer::Answer::Alias(other) => {
                    search.dnssec &= asked.validated;
                    name = other;
                }
            }
        }
        let text = format!("Name server loop for {name}");
        if let Some(log) = &self.log {
            log.warning(format_args!("dns_lookup: {text}"));
        }
        Err(LookupError { error: DnsError::NotFound, text })
    }
}

impl DnsError {
    /// How sentences of smtpd(8) call it.
    pub fn in_short(&self) -> String {
        match self {
            Self::Policy => "DNS reply filter policy".into(),
            _ => self.to_string(),
        }
    }

    /// Of two failures with the types of one look-up, the heavier one counts.
    pub fn weight(&self) -> u8 {
        match self {
            Self::NotFound | Self::NoData => 0,
            Self::NullMx | Self::NullSrv => 1,
            Self::NonRecoverable => 2,
            Self::Invalid(_) => 3,
            Self::TryAgain | Self::Malformed => 4,
            Self::Policy => 5,
        }
    }
}

impl From<NetdbError> for DnsError {
    fn from(failed: NetdbError) -> Self {
        match failed.kind {
            NetdbErrorKind::NotFound => Self::NotFound,
            NetdbErrorKind::NoData => Self::NoData,
            NetdbErrorKind::TryAgain | NetdbErrorKind::System => Self::TryAgain,
            NetdbErrorKind::Other => Self::Invalid(failed.text),
        }
    }
}

impl LookupError {
    fn about(name: &str, kind: Kind, error: DnsError) -> Self {
        let text = match error {
            DnsError::NullMx => format!("Domain {name} does not accept mail (nullMX)"),
            DnsError::NullSrv => format!("Domain {name} does not support SRV requests"),
            DnsError::Policy => format!("Error looking up name={name} type={kind}: {error}"),
            DnsError::Malformed | DnsError::Invalid(_) => {
                format!("Name service error for name={name} type={kind}: {}", DnsError::Malformed)
            }
            _ => format!(
                "Host or domain name not found. Name service error for name={name} type={kind}: \
                 {error}"
            ),
        };
        Self { error, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        let text = |kind, error| LookupError::about("a.example", kind, error).text;
        assert_eq!(
            text(Kind::Mx, DnsError::NotFound),
            "Host or domain name not found. Name service error for name=a.example type=MX: \
             Host not found"
        );
        assert_eq!(
            text(Kind::Mx, DnsError::NullMx),
            "Domain a.example does not accept mail (nullMX)"
        );
        assert_eq!(
            text(Kind::Aaaa, DnsError::Invalid("x".into())),
            "Name service error for name=a.example type=AAAA: \
             Malformed or unexpected name server reply"
        );
    }

    #[tokio::test]
    async fn addresses_are_no_names() {
        let resolver = Resolver::from_system();
        let failed = resolver.look_up_mx("192.0.2.1", Search::default()).await.unwrap_err();
        assert_eq!(failed.text, "Name service error for 192.0.2.1: invalid host or domain name");
    }
}
