//! Where the test programs connect to, or listen: `inet:host:port` or `unix:path`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpSocket, UnixStream};

use crate::config::{master_cf, why};
use crate::deliver::smtp::destination;
use crate::sys::netdb;
use crate::tls::Stream;

/// A place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An address and a TCP port.
    Inet(SocketAddr),
    /// The path of a socket.
    Unix(PathBuf),
}

/// Which kinds of addresses are used: `-4`, `-6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Families {
    /// IPv4
    pub ipv4: bool,
    /// IPv6
    pub ipv6: bool,
}

impl Default for Families {
    fn default() -> Self {
        Self { ipv4: true, ipv6: true }
    }
}

/// Longest path of a socket (unix(7)).
const PATH_MAX: usize = 107;

impl Endpoint {
    /// A server's; `service` is the port of one that names none.
    pub fn to_connect(text: &str, service: &str, families: Families) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        let text = text.strip_prefix("inet:").unwrap_or(text);
        let parsed = destination::parse(text).map_err(|bad| format!("{text}: {bad}"))?;
        let port = parsed.service.unwrap_or(service);
        inet(text, Some(parsed.host), port, families)
    }

    /// Our own, where without a host any address will do.
    pub fn to_listen(text: &str, families: Families) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        let text = text.strip_prefix("inet:").unwrap_or(text);
        let (host, port) = master_cf::endpoint(text).map_err(|bad| format!("{text}: {bad}"))?;
        inet(text, host, port, families)
    }

    /// Connects. A connection that is closed is gone at once (RST), so that ports do not run out
    /// where many are made; `window`, if it is not 0, is the size of the TCP window in bytes.
    pub async fn connect(&self, window: usize) -> io::Result<Stream> {
        let address = match self {
            Self::Unix(path) => return Ok(UnixStream::connect(path).await?.into()),
            Self::Inet(address) => *address,
        };
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_linger(Some(Duration::ZERO))?;
        size_window(&socket, window)?;
        let stream = TcpSocket::from_std_stream(socket.into()).connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream.into())
    }

    /// Listens; what fails is named. A socket file of an earlier run is replaced.
    pub fn listen(&self, backlog: i32, window: usize) -> Result<Listening, String> {
        let said = |what: &'static str| move |e: io::Error| format!("{what}: {}", why(&e));
        let (domain, address) = match self {
            Self::Inet(address) => (Domain::for_address(*address), SockAddr::from(*address)),
            Self::Unix(path) => {
                remove(path)?;
                (Domain::UNIX, SockAddr::unix(path).map_err(said("socket"))?)
            }
        };
        let socket = Socket::new(domain, Type::STREAM, None).map_err(said("socket"))?;
        if let Self::Inet(address) = self {
            if address.is_ipv6() {
                socket.set_only_v6(true).map_err(said("setsockopt(IPV6_V6ONLY)"))?;
            }
            socket.set_reuse_address(true).map_err(said("setsockopt(SO_REUSEADDR)"))?;
            size_window(&socket, window).map_err(said("setsockopt"))?;
        }
        socket.bind(&address).map_err(|e| match self {
            Self::Inet(at) => format!("bind {} port {}: {}", at.ip(), at.port(), why(&e)),
            Self::Unix(path) => format!("bind: {}: {}", path.display(), why(&e)),
        })?;
        if let Self::Unix(path) = self {
            let open = std::fs::Permissions::from_mode(0o666);
            std::fs::set_permissions(path, open)
                .map_err(|e| format!("chmod socket {}: {}", path.display(), why(&e)))?;
        }
        socket.set_nonblocking(true).map_err(said("socket"))?;
        socket.listen(backlog).map_err(said("listen"))?;
        Ok(match self {
            Self::Inet(_) => Listening::Tcp(socket.into()),
            Self::Unix(_) => Listening::Unix(socket.into()),
        })
    }
}

/// A socket that listens, before there is a runtime.
#[derive(Debug)]
pub enum Listening {
    /// TCP.
    Tcp(std::net::TcpListener),
    /// UNIX.
    Unix(UnixListener),
}

/// The same within a runtime.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(tokio::net::TcpListener),
    /// UNIX.
    Unix(tokio::net::UnixListener),
}

impl Listening {
    /// Ready to accept.
    pub fn start(self) -> io::Result<Listener> {
        Ok(match self {
            Self::Tcp(listener) => Listener::Tcp(tokio::net::TcpListener::from_std(listener)?),
            Self::Unix(listener) => Listener::Unix(tokio::net::UnixListener::from_std(listener)?),
        })
    }
}

impl Listener {
    /// The next client, with its address if it has one.
    pub async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok((stream.into(), Some(from.ip())))
            }
            Self::Unix(listener) => Ok((listener.accept().await?.0.into(), None)),
        }
    }
}

/// `AF_INET 192.0.2.1` and so on, as the log of a test program calls a client.
pub fn shown(from: Option<IpAddr>) -> (&'static str, String) {
    match from {
        Some(ip @ IpAddr::V4(_)) => ("AF_INET", ip.to_string()),
        Some(ip @ IpAddr::V6(_)) => ("AF_INET6", ip.to_string()),
        None => ("AF_UNIX", "local".into()),
    }
}

fn size_window(socket: &Socket, window: usize) -> io::Result<()> {
    if window > 0 {
        socket.set_send_buffer_size(window)?;
        socket.set_recv_buffer_size(window)?;
    }
    Ok(())
}

fn unix(path: &str) -> Result<Endpoint, String> {
    if path.len() > PATH_MAX {
        return Err(format!("unix-domain name too long: {path}"));
    }
    Ok(Endpoint::Unix(path.into()))
}

fn remove(path: &Path) -> Result<(), String> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(format!("remove {}: {}", path.display(), why(&e)))
        }
        _ => Ok(()),
    }
}

fn inet(text: &str, host: Option<&str>, port: &str, by: Families) -> Result<Endpoint, String> {
    let number = port.parse().ok().or_else(|| netdb::tcp_port(port));
    let port = number.ok_or_else(|| format!("{text}: Servname not supported for ai_socktype"))?;
    let address = match host {
        None if by.ipv4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        None => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        Some(host) => {
            let found = netdb::addresses(host, by.ipv4, by.ipv6);
            let found = found.map_err(|e| format!("{text}: {e}"))?;
            let first = found.first().copied();
            first.ok_or_else(|| format!("{text}: host found but no usable address"))?
        }
    };
    Ok(Endpoint::Inet(SocketAddr::new(address, port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers() {
        let to = |text| Endpoint::to_connect(text, "25", Families::default());
        let at = |text: &str| Ok(Endpoint::Inet(text.parse().unwrap()));
        assert_eq!(to("127.0.0.1"), at("127.0.0.1:25"));
        assert_eq!(to("inet:127.0.0.1:26"), at("127.0.0.1:26"));
        assert_eq!(to("[::1]:26"), at("[::1]:26"));
        assert_eq!(to("unix:/x"), Ok(Endpoint::Unix("/x".into())));
        assert_eq!(to(":25").unwrap_err(), ":25: missing host information");
        assert_eq!(to("[::1:25").unwrap_err(), "[::1:25: missing \"]\"");
        let long = format!("unix:/{}", "x".repeat(PATH_MAX));
        assert!(to(&long).unwrap_err().starts_with("unix-domain name too long: /x"));
    }

    #[test]
    fn own_places() {
        let at = |text: &str| Ok(Endpoint::Inet(text.parse().unwrap()));
        let any = Families::default();
        assert_eq!(Endpoint::to_listen(":2525", any), at("0.0.0.0:2525"));
        assert_eq!(Endpoint::to_listen("2525", Families { ipv4: false, ..any }), at("[::]:2525"));
        assert_eq!(Endpoint::to_listen("127.0.0.1:", any).unwrap_err(), {
            "127.0.0.1:: missing service information"
        });
    }
}
