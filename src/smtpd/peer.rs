//! Who is at the other end: address, port, and the names that the system's name service gives.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::dns::{DnsError, Resolver};
use crate::log::Log;
use crate::mail::hostname;

/// How sure a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameStatus {
    /// Found.
    Ok,
    /// The name service could not answer.
    Temporary,
    /// There is none.
    Missing,
    /// There is one, but it does not have the client's address.
    Forged,
}

/// How a client is called.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    /// Its name is looked up.
    pub look_up: bool,
    /// Logs and replies show its port.
    pub with_port: bool,
}

/// The names of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Names {
    name: String,
    status: NameStatus,
    reverse: String,
    reverse_status: NameStatus,
    /// Said in the log each time.
    warning: Option<String>,
}

/// A client.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its verified name, or `unknown`.
    pub name: String,
    /// How sure that is.
    pub name_status: NameStatus,
    /// Its name, verified or not.
    pub reverse_name: String,
    /// How sure that is.
    pub reverse_status: NameStatus,
    /// Its address.
    pub ip: IpAddr,
    /// Its address as text.
    pub address: String,
    /// The same with `IPv6:` before it where that applies.
    pub rfc_address: String,
    /// Its port as text.
    pub port: String,
    /// `name[address]`, as logs and replies show it.
    pub text: String,
    /// Our address.
    pub server_address: String,
    /// Our port.
    pub server_port: String,
    /// It is on the Internet, and not at the other end of a UNIX socket.
    pub is_internet: bool,
}

impl Peer {
    /// Another address.
    pub fn set_ip(&mut self, ip: IpAddr) {
        self.ip = ip;
        self.address = ip.to_string();
        self.rfc_address = rfc_form(ip, &self.address);
    }

    /// Name and address as they are now, for logs and replies.
    pub fn set_text(&mut self, with_port: bool) {
        self.text = format!("{}[{}]", self.name, self.address);
        if with_port {
            self.text.push(':');
            self.text.push_str(&self.port);
        }
    }
}

/// An address as RFC 5321 writes it in a literal.
fn rfc_form(ip: IpAddr, address: &str) -> String {
    if ip.is_ipv6() { format!("IPv6:{address}") } else { address.to_owned() }
}

/// What stands for a name or address that is not known.
pub const UNKNOWN: &str = "unknown";

/// How long a name is believed, so that a client with many connections costs one look-up.
const FRESH: Duration = Duration::from_secs(5);

/// How many clients are remembered.
const MOST: usize = 20_000;

/// Looks clients up, and remembers them for a few seconds.
#[derive(Debug)]
pub struct Directory {
    resolver: Arc<Resolver>,
    known: Mutex<HashMap<IpAddr, (Instant, Arc<Names>), foldhash::fast::RandomState>>,
}

impl Directory {
    /// Asks `resolver`.
    pub fn new(resolver: Arc<Resolver>) -> Self {
        Self { resolver, known: Mutex::default() }
    }

    /// The client at `remote`, connected to our `local`.
    pub async fn internet(
        &self,
        naming: Naming,
        log: &Log,
        remote: SocketAddr,
        local: SocketAddr,
    ) -> Peer {
        let ip = remote.ip().to_canonical();
        let names = if naming.look_up {
            self.names(ip).await
        } else {
            Arc::new(Names::unknown(NameStatus::Missing))
        };
        if let Some(warning) = &names.warning {
            log.warning(format_args!("{warning}"));
        }
        let address = ip.to_string();
        let port = remote.port().to_string();
        let text = if naming.with_port {
            format!("{}[{address}]:{port}", names.name)
        } else {
            format!("{}[{address}]", names.name)
        };
        Peer {
            name: names.name.clone(),
            name_status: names.status,
            reverse_name: names.reverse.clone(),
            reverse_status: names.reverse_status,
            ip,
            rfc_address: rfc_form(ip, &address),
            address,
            port,
            text,
            server_address: local.ip().to_canonical().to_string(),
            server_port: local.port().to_string(),
            is_internet: true,
        }
    }

    /// A client of which nothing is known: its proxy did not say.
    pub fn unknown() -> Peer {
        let unknown = || UNKNOWN.to_owned();
        Peer {
            name: unknown(),
            name_status: NameStatus::Missing,
            reverse_name: unknown(),
            reverse_status: NameStatus::Missing,
            ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            address: unknown(),
            rfc_address: unknown(),
            port: unknown(),
            text: "unknown[unknown]".into(),
            server_address: unknown(),
            server_port: unknown(),
            is_internet: false,
        }
    }

    /// A client on this machine, not on the Internet.
    pub fn local(ipv4: bool, ipv6: bool) -> Peer {
        let ip = if ipv6 && !ipv4 {
            IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)
        } else {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        };
        let address = ip.to_string();
        Peer {
            name: "localhost".into(),
            name_status: NameStatus::Ok,
            reverse_name: "localhost".into(),
            reverse_status: NameStatus::Ok,
            ip,
            rfc_address: rfc_form(ip, &address),
            text: format!("localhost[{address}]"),
            server_address: address.clone(),
            address,
            port: "0".into(),
            server_port: "0".into(),
            is_internet: false,
        }
    }

    async fn names(&self, ip: IpAddr) -> Arc<Names> {
        let remembered = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(&ip).cloned()
        };
        if let Some((when, names)) = remembered
            && when.elapsed() < FRESH
        {
            return names;
        }
        let names = Arc::new(self.look_up(ip).await);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, (when, _)| when.elapsed() < FRESH);
        }
        if known.len() < MOST {
            known.insert(ip, (Instant::now(), names.clone()));
        }
        names
    }

    /// Address to name to addresses: only a name that leads back is believed.
    async fn look_up(&self, ip: IpAddr) -> Names {
        let name = match self.resolver.native_name(ip).await {
            Ok(name) => match hostname::check(&name) {
                Ok(()) => name,
                Err(problem) => {
                    let warning = Some(format!("{problem}: {name}"));
                    return Names { warning, ..Names::unknown(NameStatus::Missing) };
                }
            },
            Err(DnsError::TryAgain) => return Names::unknown(NameStatus::Temporary),
            Err(_) => return Names::unknown(NameStatus::Missing),
        };
        let (status, warning) =
            match self.resolver.native_addresses(&name, ip.is_ipv4(), ip.is_ipv6()).await {
                Ok(found) if found.contains(&ip) => (NameStatus::Ok, None),
                Ok(_) => (NameStatus::Forged, Some(String::new())),
                Err(DnsError::TryAgain) => {
                    (NameStatus::Temporary, Some(": Temporary failure in name resolution".into()))
                }
                Err(DnsError::NoData) => {
                    (NameStatus::Forged, Some(": No address associated with hostname".into()))
                }
                Err(_) => (NameStatus::Forged, Some(": Name or service not known".into())),
            };
        Names {
            name: if status == NameStatus::Ok { name.clone() } else { UNKNOWN.into() },
            status,
            warning: warning
                .map(|why| format!("hostname {name} does not resolve to address {ip}{why}")),
            reverse: name,
            reverse_status: NameStatus::Ok,
        }
    }
}

impl Names {
    fn unknown(status: NameStatus) -> Self {
        Self {
            name: UNKNOWN.into(),
            status,
            reverse: UNKNOWN.into(),
            reverse_status: status,
            warning: None,
        }
    }
}
