//! Values that depend on the machine: `myhostname`, `mydomain`, `mynetworks`, and the network
//! addresses behind `inet_interfaces`, `proxy_interfaces` and `inet_protocols`.
//!
//! The DNS is never asked here: every program would hang when it is away.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs};

use super::parameters as p;
use super::{Config, Problem};

/// The domain of a host that has none.
const NO_DOMAIN: &str = "localdomain";

/// An address of this machine and the bits of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The address.
    pub address: IpAddr,
    /// How many leading bits are the network's.
    pub bits: u8,
}

/// Which IP versions are in use (`inet_protocols`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols {
    /// IPv4
    pub v4: bool,
    /// IPv6
    pub v6: bool,
}

impl Protocols {
    /// Whether addresses like this one may be used.
    pub fn allow(self, address: &IpAddr) -> bool {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }
}

impl Config {
    /// The value of a parameter whose default depends on the machine.
    pub(super) fn computed(&self, name: &str) -> String {
        match name {
            "myhostname" => self.default_myhostname(),
            "mydomain" => self.default_mydomain(),
            "mynetworks" => self.default_mynetworks(&self.text(&p::mynetworks_style)),
            _ => String::new(),
        }
    }

    fn default_myhostname(&self) -> String {
        let host = nix::unistd::gethostname()
            .map_or_else(|_| "localhost".into(), |name| name.to_string_lossy().into_owned());
        if host.contains('.') {
            return host;
        }
        match self.literal("mydomain") {
            Some(domain) => format!("{host}.{}", self.expand(domain)),
            None => format!("{host}.{NO_DOMAIN}"),
        }
    }

    fn default_mydomain(&self) -> String {
        match self.value("myhostname").split_once('.') {
            Some((_, domain)) => domain.to_owned(),
            None => NO_DOMAIN.to_owned(),
        }
    }

    /// `inet_protocols`, less what the kernel does not have.
    pub fn protocols(&self) -> Protocols {
        let mut wanted = Protocols { v4: false, v6: false };
        let text = self.text(&p::inet_protocols);
        for word in text.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "all" => wanted = Protocols { v4: true, v6: true },
                "ipv4" => wanted.v4 = true,
                "ipv6" => wanted.v6 = true,
                _ => self.problem(format!("unknown inet_protocols value \"{word}\" in \"{text}\"")),
            }
        }
        Protocols {
            v4: wanted.v4 && kernel_has(nix::sys::socket::AddressFamily::Inet),
            v6: wanted.v6 && kernel_has(nix::sys::socket::AddressFamily::Inet6),
        }
    }

    /// The addresses that `inet_interfaces` stands for; those of `proxy_interfaces` are apart.
    pub fn own_interfaces(&self) -> Result<Vec<Interface>, Problem> {
        let protocols = self.protocols();
        let local = local_interfaces(protocols);
        let wanted = self.text(&p::inet_interfaces);
        match wanted.as_str() {
            _ if !protocols.v4 && !protocols.v6 => Ok(Vec::new()),
            "all" => Ok(local),
            "loopback-only" => Ok(local.into_iter().filter(|i| i.address.is_loopback()).collect()),
            _ => chosen(&wanted, &local, protocols),
        }
    }

    /// The addresses of `proxy_interfaces`; names that are not found are left out.
    pub fn proxy_addresses(&self) -> Vec<IpAddr> {
        self.proxy_hosts().into_iter().flat_map(|(_, addresses)| addresses).collect()
    }

    /// What is wrong with `proxy_interfaces`: Postfix starts all the same.
    pub(super) fn proxy_problems(&self) -> Vec<String> {
        let hosts = self.proxy_hosts().into_iter();
        let lost = hosts.filter(|(_, addresses)| addresses.is_empty());
        lost.map(|(host, _)| format!("config variable proxy_interfaces: host not found: {host}"))
            .collect()
    }

    fn proxy_hosts(&self) -> Vec<(String, Vec<IpAddr>)> {
        let (protocols, text) = (self.protocols(), self.text(&p::proxy_interfaces));
        let hosts = text.split([' ', '\t', ',', '\r', '\n']).filter(|host| !host.is_empty());
        hosts.map(|host| (host.to_owned(), addresses_of(host, protocols))).collect()
    }

    fn default_mynetworks(&self, style: &str) -> String {
        let interfaces = match self.own_interfaces() {
            Ok(interfaces) => interfaces,
            Err(problem) => {
                self.problem(problem.text);
                return String::new();
            }
        };
        let mut networks: Vec<String> = Vec::new();
        for interface in interfaces {
            let network = match (style, interface.address) {
                ("host", address) => network(address, if address.is_ipv4() { 32 } else { 128 }),
                ("class", IpAddr::V4(address)) => network(address.into(), class_bits(address)),
                ("class" | "subnet", address) => network(address, interface.bits),
                _ => {
                    self.problem(format!(
                        "unknown mynetworks mask style value \"{style}\" in \"{style}\""
                    ));
                    return String::new();
                }
            };
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
        networks.iter_mut().for_each(|network| network.push(' '));
        networks.concat()
    }
}

fn kernel_has(family: nix::sys::socket::AddressFamily) -> bool {
    use nix::sys::socket::{SockFlag, SockType, socket};
    socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).is_ok()
}

/// The addresses of the interfaces that are up, in the kernel's order, IPv4 first.
fn local_interfaces(protocols: Protocols) -> Vec<Interface> {
    use nix::net::if_::InterfaceFlags;
    let mut found = Vec::new();
    for interface in nix::ifaddrs::getifaddrs().into_iter().flatten() {
        if !interface.flags.contains(InterfaceFlags::IFF_UP) {
            continue;
        }
        let Some(address) = interface.address.as_ref().and_then(ip) else { continue };
        // Without a mask, mynetworks would hold everyone.
        let Some(mask) = interface.netmask.as_ref().and_then(ip) else { continue };
        if protocols.allow(&address) && !address.is_unspecified() {
            found.push(Interface { address, bits: leading_ones(mask) });
        }
    }
    found.sort_by_key(|interface| interface.address.is_ipv6());
    found
}

fn ip(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(IpAddr::V4(v4.ip()));
    }
    address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()))
}

fn leading_ones(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(v4) => u32::from(v4).leading_ones(),
        IpAddr::V6(v6) => u128::from(v6).leading_ones(),
    };
    u8::try_from(ones).unwrap_or(128)
}

/// The interfaces named one by one in `inet_interfaces`.
fn chosen(
    wanted: &str,
    local: &[Interface],
    protocols: Protocols,
) -> Result<Vec<Interface>, Problem> {
    let mut found: Vec<Interface> = Vec::new();
    for host in wanted.split([' ', '\t', ',']).filter(|host| !host.is_empty()) {
        let addresses = addresses_of(host, protocols);
        if addresses.is_empty() {
            return Err(Problem {
                text: format!("config variable inet_interfaces: host not found: {host}"),
            });
        }
        for address in addresses {
            let Some(interface) = local.iter().find(|interface| interface.address == address)
            else {
                return Err(Problem {
                    text: format!(
                        "parameter inet_interfaces: no local interface found for {address}"
                    ),
                });
            };
            if !found.contains(interface) {
                found.push(*interface);
            }
        }
    }
    Ok(found)
}

/// The addresses of a host name or address, in square brackets or not.
pub fn addresses_of(host: &str, protocols: Protocols) -> Vec<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let bare = bare.strip_prefix("IPv6:").unwrap_or(bare);
    let mut found: Vec<IpAddr> = match bare.parse::<IpAddr>() {
        Ok(address) => vec![address],
        Err(_) => (bare, 0)
            .to_socket_addrs()
            .map(|addresses| addresses.map(|address| address.ip()).collect())
            .unwrap_or_default(),
    };
    found.retain(|address| protocols.allow(address));
    found.dedup();
    found
}

/// `address/bits` as mynetworks has it, host bits cleared.
fn network(address: IpAddr, bits: u8) -> String {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            format!("{}/{bits}", Ipv4Addr::from(u32::from(v4) & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            format!("[{}]/{bits}", Ipv6Addr::from(u128::from(v6) & mask))
        }
    }
}

/// Bits of the network of an address by the classes of old.
fn class_bits(address: Ipv4Addr) -> u8 {
    match address.octets()[0] {
        0..128 => 8,
        128..192 => 16,
        192..224 => 24,
        _ => 28,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        assert_eq!(network("192.168.7.9".parse().unwrap(), 24), "192.168.7.0/24");
        assert_eq!(network("10.1.2.3".parse().unwrap(), 0), "0.0.0.0/0");
        assert_eq!(network("::1".parse().unwrap(), 128), "[::1]/128");
        assert_eq!(network("2001:db8::1".parse().unwrap(), 64), "[2001:db8::]/64");
        assert_eq!(class_bits("172.16.0.1".parse().unwrap()), 16);
    }
}
