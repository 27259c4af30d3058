//! What names mean: on the running system by its own rules, for another root by the files in it.

use std::net::IpAddr;

use postfix_rs::sys::canonical_name::canonical_name;
use postfix_rs::sys::netdb;

use super::Fqdn;
use crate::machine::Machine;

/// Where names are looked up.
#[derive(Clone, Debug)]
pub enum Names {
    /// The running system: the hosts file, DNS, whatever nsswitch.conf says.
    Live,
    /// The hosts file of another root: its text.
    Hosts(String),
}

impl Names {
    /// Those of that machine.
    pub fn of(machine: &Machine) -> Self {
        if machine.is_live() {
            Self::Live
        } else {
            Self::Hosts(machine.root.text("/etc/hosts").unwrap_or_default())
        }
    }

    /// The canonical name of a host.
    pub fn canonical(&self, host: &str) -> Option<String> {
        match self {
            Self::Live => canonical_name(host),
            Self::Hosts(text) => entries(text)
                .find(|(_, names)| names.iter().any(|name| name.eq_ignore_ascii_case(host)))
                .and_then(|(_, names)| names.first().map(|name| (*name).to_owned())),
        }
    }

    /// The addresses of a host.
    pub fn addresses(&self, host: &str) -> Vec<IpAddr> {
        match self {
            Self::Live => netdb::addresses(host, true, true).unwrap_or_default(),
            Self::Hosts(text) => entries(text)
                .filter(|(_, names)| names.iter().any(|name| name.eq_ignore_ascii_case(host)))
                .filter_map(|(address, _)| address.parse().ok())
                .collect(),
        }
    }

    /// Whether a name leads to this machine; the error says where it leads instead.
    pub fn lead_here(&self, name: &Fqdn) -> Result<(), String> {
        let addresses = self.addresses(name.as_str());
        if addresses.is_empty() {
            return Err(format!("\"{name}\" does not resolve"));
        }
        let own = own_addresses();
        // Of another root only the hosts file is known: what it says is meant for that machine.
        let here = |address: &IpAddr| {
            matches!(self, Self::Hosts(_)) || address.is_loopback() || own.contains(address)
        };
        if addresses.iter().any(here) {
            return Ok(());
        }
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Err(format!("\"{name}\" resolves to {}, which is not this machine", list.join(", ")))
    }
}

/// Address and names of each line of a hosts file.
fn entries(text: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    text.lines().filter_map(|line| {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        Some((words.next()?, words.collect()))
    })
}

/// The addresses of the interfaces.
pub fn own_addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    interfaces
        .filter_map(|interface| {
            let address = interface.address?;
            let four = address.as_sockaddr_in().map(|four| IpAddr::from(four.ip()));
            four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::from(six.ip())))
        })
        .collect()
}

/// What the machine calls itself.
pub fn own_name(machine: &Machine) -> Option<String> {
    if machine.is_live() {
        let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
        return (!name.is_empty() && name != "(none)").then_some(name);
    }
    let openrc = machine.root.text("/etc/conf.d/hostname");
    let openrc = openrc.and_then(|text| super::files::shell_value(&text, "hostname"));
    openrc.or_else(|| {
        let text = machine.root.text("/etc/hostname")?;
        let mut lines = text.lines().map(str::trim);
        lines.find(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
    })
}

/// The domain that OpenRC's network settings or the resolver's name.
pub fn domain(machine: &Machine) -> Option<String> {
    let net = machine.root.text("/etc/conf.d/net").unwrap_or_default();
    let openrc = super::files::domain_value(&net).map(|(_, domain)| domain);
    openrc.or_else(|| {
        let text = machine.root.text("/etc/resolv.conf")?;
        let value = |keyword: &str| {
            text.lines().rev().find_map(|line| {
                let mut words = line.split_whitespace();
                (words.next() == Some(keyword)).then(|| words.next()).flatten()
            })
        };
        value("domain").or_else(|| value("search")).map(str::to_owned)
    })
}
