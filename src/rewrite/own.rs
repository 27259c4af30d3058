//! The addresses of this host, as far as mail is concerned: mail for `user@[address]` with one of
//! them is local.

use std::net::IpAddr;

use crate::config::Config;

/// inet_interfaces and proxy_interfaces, as addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnAddresses {
    addresses: Vec<IpAddr>,
}

impl OwnAddresses {
    /// Reads the parameters and asks the system. What is wrong with inet_interfaces is found by
    /// master, which must listen there.
    pub(super) fn read(config: &Config) -> Self {
        let interfaces = config.own_interfaces().unwrap_or_default();
        let mut addresses: Vec<IpAddr> = interfaces.iter().map(|found| found.address).collect();
        addresses.extend(config.proxy_addresses());
        Self { addresses }
    }

    /// Whether mail for this address is for us.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }
}
