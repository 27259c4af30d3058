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

use postfix_rs::config::master_cf::ServiceLine;
use postfix_rs::config::parameters as p;

use self::instance::Instance;
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
        let four = |storage: Option<nix::sys::socket::SockaddrStorage>| {
            Some(storage?.as_sockaddr_in()?.ip())
        };
        let (Some(address), Some(mask)) = (four(interface.address), four(interface.netmask)) else {
            continue;
        };
        let found = neighbour(address, mask).filter(|_| !address.is_loopback());
        all.extend(found.filter(|stranger| !all.contains(stranger)));
    }
    all
}

/// Another address in the network of an interface.
fn neighbour(address: Ipv4Addr, mask: Ipv4Addr) -> Option<Stranger> {
    let prefix = u32::from(mask).leading_ones();
    if prefix >= 31 {
        return None;
    }
    let network = Ipv4Addr::from(u32::from(address) & u32::from(mask));
    let flipped = Ipv4Addr::from(u32::from(address) ^ 2);
    Some(Stranger { address: flipped.into(), network: Some(format!("{network}/{prefix}")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours() {
        let found =
            neighbour(Ipv4Addr::new(192, 0, 2, 10), Ipv4Addr::new(255, 255, 255, 0)).unwrap();
        assert_eq!(found.address, IpAddr::from([192, 0, 2, 8]));
        assert_eq!(found.network.as_deref(), Some("192.0.2.0/24"));
        assert_eq!(neighbour(Ipv4Addr::LOCALHOST, Ipv4Addr::BROADCAST), None);
        assert!(strangers().len() >= 2);
    }
}
