//! Is it an open relay? A private copy of the configured SMTP services is started on ports of its
//! own, told by XCLIENT that its client is a stranger, and asked to take mail for somebody else.
//!
//! Asking the live services would prove nothing: every address of this machine is one of its own
//! networks. No message is ever sent: the dialogue ends after RCPT TO.

mod dialogue;
mod instance;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
    if services.is_empty() || !patient.is_live() || patient.offline {
        return Vec::new();
    }
    let note = |text: String, fix: &str| vec![finding("relay", Severity::Note, text, fix)];
    let instance = match Instance::start(patient, &services) {
        Ok(instance) => instance,
        Err(why) => {
            return note(format!("relaying could not be tried out: {why}"), "run it as root");
        }
    };
    let senders = [
        String::new(),
        "stranger@iana.org".to_owned(),
        format!("postmaster@{}", patient.config.text(&p::mydomain)),
    ];
    let host = patient.config.text(&p::myhostname);
    let recipients = [
        "somebody@iana.org".to_owned(),
        format!("somebody%iana.org@{host}"),
        format!("\"somebody@iana.org\"@{host}"),
        format!("@{host}:somebody@iana.org"),
    ];
    let mut open: BTreeMap<(String, String), (Severity, String)> = BTreeMap::new();
    for (service, port) in &instance.ports {
        for stranger in strangers() {
            let relayed = dialogue::relays(*port, stranger.address, &senders, &recipients);
            match relayed {
                Ok(None) => {}
                Ok(Some((sender, recipient))) => {
                    let key = (service.clone(), stranger.network.clone().unwrap_or_default());
                    open.entry(key)
                        .or_insert_with(|| verdict(service, &stranger, &sender, &recipient));
                }
                Err(why) => {
                    let text = format!("relaying through {service} could not be tried out: {why}");
                    return note(text, "look at the mail log");
                }
            }
        }
    }
    // Whoever lets in everybody lets in the neighbours, too.
    let everybody: Vec<String> =
        open.keys().filter(|(_, network)| network.is_empty()).map(|(s, _)| s.clone()).collect();
    open.into_iter()
        .filter(|((service, network), _)| network.is_empty() || !everybody.contains(service))
        .map(|(_, (severity, text))| finding("relay", severity, text, FIX))
        .collect()
}

fn verdict(
    service: &str,
    stranger: &Stranger,
    sender: &str,
    recipient: &str,
) -> (Severity, String) {
    let how = format!("MAIL FROM:<{sender}>, RCPT TO:<{recipient}>");
    match &stranger.network {
        None => (
            Severity::Problem,
            format!(
                "open relay: {service} takes mail from anybody ({}) to anybody: {how}",
                stranger.address
            ),
        ),
        Some(network) if is_public(&stranger.address) => (
            Severity::Warning,
            format!("every machine in {network} may send to anybody through {service}: {how}"),
        ),
        Some(network) => (
            Severity::Note,
            format!("every machine in {network} may send to anybody through {service}"),
        ),
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
