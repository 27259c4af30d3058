//! Name service: DNS by the system's resolver configuration, and host names by the system's
//! own rules (hosts file first, where nsswitch.conf says so).

use std::net::IpAddr;
use std::sync::Arc;

/// The resolver of a process.
#[derive(Debug)]
pub struct Resolver {}

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
    /// The reply, or the name, is malformed.
    #[error("{0}")]
    Invalid(String),
}

impl Resolver {
    /// Reads resolv.conf. Call before confinement.
    pub fn from_system() -> Arc<Self> {
        Arc::new(Self {})
    }

    /// MX records, sorted by preference.
    pub async fn mx(&self, domain: &str) -> Result<Vec<Mx>, DnsError> {
        let _ = domain;
        Err(DnsError::TryAgain)
    }

    /// A and AAAA records by DNS, as the two switches ask.
    pub async fn addresses(&self, host: &str, v4: bool, v6: bool) -> Result<Vec<IpAddr>, DnsError> {
        let _ = (host, v4, v6);
        Err(DnsError::TryAgain)
    }

    /// Addresses by the system's rules (getaddrinfo).
    pub async fn native_addresses(
        &self,
        host: &str,
        v4: bool,
        v6: bool,
    ) -> Result<Vec<IpAddr>, DnsError> {
        let _ = (host, v4, v6);
        Err(DnsError::TryAgain)
    }

    /// The name of an address by the system's rules (getnameinfo).
    pub async fn native_name(&self, address: IpAddr) -> Result<String, DnsError> {
        let _ = address;
        Err(DnsError::TryAgain)
    }
}
