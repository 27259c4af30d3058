//! Is it an open relay? A private copy of the configured SMTP services is started on ports of its
//! own, told by XCLIENT that its client is a stranger, and asked to take mail for somebody else.
//!
//! Asking the live services would prove nothing: every address of this machine is one of its own
//! networks. No message is ever sent: the dialogue ends after RCPT TO.

mod by_reading;
mod dialogue;
mod instance;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::sys::socket::SockaddrStorage;
use postfix_rs::config::master_cf::ServiceLine;
use postfix_rs::config::parameters as p;

use self::instance::{Instance, REFUSAL};
use super::name::is_public;
use super::{Finding, Patient, Severity, finding};

const FIX: &str = "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination";

/// A client that is played.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stranger {
    /// Its address.
    address: IpAddr,
    /// The network of an interface in which it stands; none: it is from far away.
    network: Option<String>,
}

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let services: Vec<_> = patient.smtpd().collect();
    if services.is_empty() {
        return Vec::new();
    }
    if !patient.is_live() || patient.offline {
        return read(patient, &services);
    }
    match try_out(patient, &services) {
        Ok(open) => findings(open),
        // No relay at all, but not what was wanted either.
        Err(why) if why.starts_with(REFUSAL) => {
            let fix = "correct that parameter; until then no mail is taken";
            vec![finding("relay", Severity::Problem, why, fix)]
        }
        Err(why) => {
            let text =
                format!("relaying could not be tried out, the lists were read instead: {why}");
            let note =
                finding("relay", Severity::Note, text, "look at the mail log; run it as root");
            read(patient, &services).into_iter().chain([note]).collect()
        }
    }
}

/// Services that are open, and to which network; none is the whole world.
type Open = BTreeMap<(String, Option<String>), (Severity, String)>;

fn findings(open: Open) -> Vec<Finding> {
    // Whoever lets in everybody lets in the neighbours, too.
    let everybody: Vec<String> =
        open.keys().filter(|(_, network)| network.is_none()).map(|(s, _)| s.clone()).collect();
    open.into_iter()
        .filter(|((service, network), _)| network.is_none() || !everybody.contains(service))
        .map(|(_, (severity, text))| finding("relay", severity, text, FIX))
        .collect()
}

fn try_out(patient: &Patient<'_>, services: &[&ServiceLine]) -> Result<Open, String> {
    let instance = Instance::start(patient, services)?;
    let host = patient.config.text(&p::myhostname);
    let senders = [
        String::new(),
        "stranger@iana.org".to_owned(),
        format!("postmaster@{}", patient.config.text(&p::mydomain)),
    ];
    let recipients = [
        "somebody@iana.org".to_owned(),
        format!("somebody%iana.org@{host}"),
        format!("\"somebody@iana.org\"@{host}"),
        format!("@{host}:somebody@iana.org"),
    ];
    let mut open = Open::new();
    for (service, port) in &instance.ports {
        for stranger in strangers() {
            let relayed = dialogue::relays(*port, stranger.address, &senders, &recipients)
                .map_err(|why| format!("{service}: {why}"))?;
            if let Some((sender, recipient)) = relayed {
                let how = format!(": MAIL FROM:<{sender}>, RCPT TO:<{recipient}>");
                let key = (service.clone(), stranger.network.clone());
                open.entry(key).or_insert_with(|| verdict(service, &stranger, &how));
            }
        }
    }
    Ok(open)
}

/// What the lists say, where no copy of the services can be asked.
fn read(patient: &Patient<'_>, services: &[&ServiceLine]) -> Vec<Finding> {
    let mut open = Open::new();
    for service in services {
        let config = patient.config.with_overrides(&service.overrides);
        for stranger in strangers() {
            if by_reading::relays(&config, stranger.address) {
                let key = (service.name.clone(), stranger.network.clone());
                open.entry(key).or_insert_with(|| verdict(&service.name, &stranger, ""));
            }
        }
    }
    findings(open)
}

fn verdict(service: &str, stranger: &Stranger, how: &str) -> (Severity, String) {
    match &stranger.network {
        None => (
            Severity::Problem,
            format!(
                "open relay: {service} takes mail from anybody ({}) to anybody{how}",
                stranger.address
            ),
        ),
        Some(network) => {
            let public = is_public(&stranger.address);
            let severity = if public { Severity::Warning } else { Severity::Note };
            let text = format!("every machine in {network} may send to anybody through {service}");
            (severity, format!("{text}{how}"))
        }
    }
}

/// Somebody far away, and a neighbour on the network of each interface.
fn strangers() -> Vec<Stranger> {
    let far: [IpAddr; 2] = [
        Ipv4Addr::new(198, 51, 100, 77).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x77).into(),
    ];
    let mut all: Vec<Stranger> =
        far.into_iter().map(|address| Stranger { address, network: None }).collect();
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return all };
    for interface in interfaces {
        let found = match (interface.address, interface.netmask) {
            (Some(address), Some(mask)) => neighbour_of(&address, &mask),
            _ => None,
        };
        all.extend(found.filter(|stranger| !all.contains(stranger)));
    }
    all
}

fn neighbour_of(address: &SockaddrStorage, mask: &SockaddrStorage) -> Option<Stranger> {
    if let (Some(address), Some(mask)) = (address.as_sockaddr_in(), mask.as_sockaddr_in()) {
        return neighbour(address.ip().into(), u32::from(mask.ip()).leading_ones());
    }
    let (address, mask) = (address.as_sockaddr_in6()?, mask.as_sockaddr_in6()?);
    // Everybody has a link-local address, and none of them comes from afar.
    if address.ip().is_unicast_link_local() {
        return None;
    }
    neighbour(address.ip().into(), u128::from(mask.ip()).leading_ones())
}

/// Another address in the network of an interface.
fn neighbour(address: IpAddr, prefix: u32) -> Option<Stranger> {
    let (other, network, bits): (IpAddr, IpAddr, u32) = match address {
        IpAddr::V4(four) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(prefix)?).unwrap_or(0);
            let (number, network) = (u32::from(four) ^ 2, u32::from(four) & mask);
            (Ipv4Addr::from(number).into(), Ipv4Addr::from(network).into(), 32)
        }
        IpAddr::V6(six) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(prefix)?).unwrap_or(0);
            let (number, network) = (u128::from(six) ^ 2, u128::from(six) & mask);
            (Ipv6Addr::from(number).into(), Ipv6Addr::from(network).into(), 128)
        }
    };
    if address.is_loopback() || prefix >= bits - 1 {
        return None;
    }
    Some(Stranger { address: other, network: Some(format!("{network}/{prefix}")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours() {
        let found = neighbour(IpAddr::from([192, 0, 2, 10]), 24).unwrap();
        assert_eq!(found.address, IpAddr::from([192, 0, 2, 8]));
        assert_eq!(found.network.as_deref(), Some("192.0.2.0/24"));
        assert_eq!(neighbour(Ipv4Addr::LOCALHOST.into(), 8), None);
        assert_eq!(neighbour(IpAddr::from([192, 0, 2, 10]), 32), None);
        let six: IpAddr = "2001:db8:7::1".parse().unwrap();
        let found = neighbour(six, 64).unwrap();
        assert_eq!(found.address, "2001:db8:7::3".parse::<IpAddr>().unwrap());
        assert_eq!(found.network.as_deref(), Some("2001:db8:7::/64"));
        assert_eq!(neighbour(six, 128), None);
        assert!(strangers().len() >= 2);
    }
}
