//! The listening sockets of master.cf lines.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::config::master_cf::{ServiceLine, SocketKind};
use crate::config::{Config, parameters as p, split_list};
use crate::sys::netdb;

/// Connections that wait for accept. Postfix's own limit of 100 loses bursts.
const BACKLOG: i32 = 4096;

/// Where a socket listens; the same place is the same socket across reloads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// TCP.
    Inet(SocketAddr),
    /// UNIX stream socket.
    Stream(PathBuf),
    /// UNIX datagram socket.
    Datagram(PathBuf),
}

/// A socket that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The name of the line is no address.
    #[error("{context}: {text}")]
    Name {
        /// The line of master.cf.
        context: String,
        /// What is wrong.
        text: String,
    },
    /// The system refused.
    #[error("bind {place} port {port}: {error}")]
    Bind {
        /// Address or path.
        place: String,
        /// Port, empty for UNIX sockets.
        port: String,
        /// Why.
        error: io::Error,
    },
}

/// All sockets that are open, by place.
#[derive(Debug, Default)]
pub struct Sockets {
    open: BTreeMap<Place, Arc<OwnedFd>>,
}

impl Sockets {
    /// Makes exactly these places open: keeps what is open already, closes what is not wanted.
    /// On failure nothing has changed.
    pub fn become_these(
        &mut self,
        wanted: &[Place],
        owner: Option<nix::unistd::Uid>,
    ) -> Result<(), SocketError> {
        let mut next = BTreeMap::new();
        for place in wanted {
            let socket = match self.open.get(place) {
                Some(socket) => socket.clone(),
                None => Arc::new(listen(place, owner)?),
            };
            next.insert(place.clone(), socket);
        }
        self.open = next;
        Ok(())
    }

    /// The open socket of a place.
    pub fn at(&self, place: &Place) -> Option<&Arc<OwnedFd>> {
        self.open.get(place)
    }
}

/// Where the sockets of a line listen.
pub fn places(config: &Config, line: &ServiceLine) -> Result<Vec<Place>, SocketError> {
    match line.kind {
        SocketKind::Inet => inet_places(config, line),
        SocketKind::UnixDgram => Ok(vec![Place::Datagram(unix_path(config, line))]),
        SocketKind::Unix | SocketKind::Fifo | SocketKind::Pass => {
            Ok(vec![Place::Stream(unix_path(config, line))])
        }
    }
}

fn unix_path(config: &Config, line: &ServiceLine) -> PathBuf {
    let class = if line.private { "private" } else { "public" };
    config.queue_directory().join(class).join(&line.name)
}

fn inet_places(config: &Config, line: &ServiceLine) -> Result<Vec<Place>, SocketError> {
    let bad = |text: String| SocketError::Name {
        context: format!("{}/master.cf: line {}", config.directory.display(), line.line),
        text,
    };
    let (host, port) = split_host_port(&line.name);
    let protocols = config.text(&p::inet_protocols);
    let all = protocols.contains("all");
    let (v4, v6) = (all || protocols.contains("ipv4"), all || protocols.contains("ipv6"));
    let wanted = |address: &IpAddr| if address.is_ipv4() { v4 } else { v6 && has_ipv6() };
    let interfaces = config.text(&p::inet_interfaces);
    let hosts = match host {
        Some(host) => vec![host],
        None => split_list(&interfaces),
    };
    let port = port_number(port).ok_or_else(|| SocketError::Name {
        context: format!("{}:{port}", hosts.first().unwrap_or(&"*")),
        text: "Servname not supported for ai_socktype".into(),
    })?;
    let mut places = Vec::new();
    for host in hosts {
        let addresses: Vec<IpAddr> = match host {
            "all" | "*" => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            "loopback-only" => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            host => addresses_of(host).map_err(|e| bad(format!("host not found: {host}: {e}")))?,
        };
        for address in addresses.into_iter().filter(wanted) {
            let place = Place::Inet(SocketAddr::new(address, port));
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    Ok(places)
}

/// Splits `host:port`, `[host]:port` or `port`.
fn split_host_port(name: &str) -> (Option<&str>, &str) {
    if let Some(rest) = name.strip_prefix('[')
        && let Some((host, port)) = rest.split_once("]:")
    {
        return (Some(host), port);
    }
    match name.rsplit_once(':') {
        Some(("", port)) => (None, port),
        Some((host, port)) => (Some(host), port),
        None => (None, name),
    }
}

/// A port number, or a name from the services that mail uses; other names by the system.
fn port_number(port: &str) -> Option<u16> {
    match port {
        "smtp" => Some(25),
        "smtps" | "submissions" => Some(465),
        "submission" => Some(587),
        "lmtp" => Some(24),
        "qmqp" => Some(628),
        other => other.parse().ok().filter(|n| *n != 0).or_else(|| netdb::tcp_port(other)),
    }
}

fn addresses_of(host: &str) -> io::Result<Vec<IpAddr>> {
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    Ok((host, 0).to_socket_addrs()?.map(|a| a.ip()).collect())
}

fn has_ipv6() -> bool {
    Path::new("/proc/net/if_inet6").exists()
}

fn listen(place: &Place, owner: Option<nix::unistd::Uid>) -> Result<OwnedFd, SocketError> {
    match place {
        Place::Inet(address) => inet(*address).map_err(|error| SocketError::Bind {
            place: address.ip().to_string(),
            port: address.port().to_string(),
            error,
        }),
        Place::Stream(path) | Place::Datagram(path) => {
            let kind = if matches!(place, Place::Stream(_)) { Type::STREAM } else { Type::DGRAM };
            unix(path, kind, owner).map_err(|error| SocketError::Bind {
                place: path.display().to_string(),
                port: String::new(),
                error,
            })
        }
    }
}

fn inet(address: SocketAddr) -> io::Result<OwnedFd> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn unix(path: &Path, kind: Type, owner: Option<nix::unistd::Uid>) -> io::Result<OwnedFd> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    // Who may connect is decided by the folder: private/ or public/.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    if let Some(owner) = owner {
        nix::unistd::chown(path, Some(owner), None)?;
    }
    if kind == Type::STREAM {
        socket.listen(BACKLOG)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(split_host_port("smtp"), (None, "smtp"));
        assert_eq!(split_host_port("127.0.0.1:2525"), (Some("127.0.0.1"), "2525"));
        assert_eq!(split_host_port("[::1]:25"), (Some("::1"), "25"));
        assert_eq!(port_number("submission"), Some(587));
        assert_eq!(port_number("0"), None);
    }

    #[test]
    fn the_same_place_keeps_its_socket() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let (a, b) = (Place::Stream(a), Place::Stream(b));
        let mut sockets = Sockets::default();
        sockets.become_these(std::slice::from_ref(&a), None).unwrap();
        let first = sockets.at(&a).unwrap().clone();
        sockets.become_these(&[b, a.clone()], None).unwrap();
        assert!(Arc::ptr_eq(&first, sockets.at(&a).unwrap()));
        let nowhere = Place::Stream(folder.path().join("no/such/folder"));
        assert!(sockets.become_these(&[nowhere], None).is_err());
        assert!(sockets.at(&a).is_some());
    }
}
