//! The addresses of this machine, as `inet_interfaces` and `proxy_interfaces` list them.

use std::net::{IpAddr, ToSocketAddrs as _};

use nix::ifaddrs::getifaddrs;

use crate::config::{Config, parameters as p, split_list};

/// Their addresses. Names are looked up by the system's rules; call before confinement.
pub fn list(config: &Config) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for text in [config.text(&p::inet_interfaces), config.text(&p::proxy_interfaces)] {
        for word in split_list(&text) {
            match word {
                "all" => addresses.extend(interfaces()),
                "loopback-only" => {
                    addresses.extend(interfaces().into_iter().filter(IpAddr::is_loopback));
                }
                host => addresses.extend(host_addresses(host)),
            }
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn host_addresses(host: &str) -> Vec<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.strip_prefix("IPv6:").unwrap_or(bare);
    match bare.parse() {
        Ok(address) => vec![address],
        Err(_) => (bare, 0).to_socket_addrs().map_or_else(|_| Vec::new(), |found| {
            found.map(|socket| socket.ip()).collect()
        }),
    }
}

/// The addresses of all network interfaces.
fn interfaces() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|interface| interface.address)
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .collect()
}
