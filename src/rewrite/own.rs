//! The addresses of this host, as far as mail is concerned: mail for `user@[address]` with one of
//! them is local.

use std::net::{IpAddr, ToSocketAddrs as _};

use crate::config::parameters as p;
use crate::config::{Config, split_list};

/// inet_interfaces and proxy_interfaces, as addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnAddresses {
    addresses: Vec<IpAddr>,
}

impl OwnAddresses {
    /// Reads the parameters and asks the system. Names that do not resolve are left out here;
    /// master, which must listen on them, reports them.
    pub(super) fn read(config: &Config) -> Self {
        let interfaces = config.text(&p::inet_interfaces);
        let mut addresses = match interfaces.trim() {
            "all" => of_interfaces(),
            "loopback-only" => of_interfaces().into_iter().filter(IpAddr::is_loopback).collect(),
            named => named_addresses(named),
        };
        addresses.extend(named_addresses(&config.text(&p::proxy_interfaces)));
        Self { addresses }
    }

    /// Whether mail for this address is for us.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.addresses.contains(&address)
    }
}

fn named_addresses(list: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for name in split_list(list) {
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            found.push(address);
        } else if let Ok(resolved) = (bare, 0).to_socket_addrs() {
            found.extend(resolved.map(|a| a.ip()));
        }
    }
    found
}

fn of_interfaces() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|interface| {
            let address = interface.address?;
            if let Some(v4) = address.as_sockaddr_in() {
                return Some(IpAddr::V4(v4.ip()));
            }
            address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()))
        })
        .collect()
}
