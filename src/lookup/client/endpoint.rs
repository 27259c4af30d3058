//! Where a server listens: `inet:host:port` or `unix:path`.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};

use super::stream::Stream;
use crate::config::why;
use crate::sys::netdb;

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host, and a TCP port.
    Inet { host: String, port: u16 },
    /// A socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Inet { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Endpoint {
    /// Takes `inet:host:port` or `unix:path`; the error is Postfix's text.
    pub fn parse(text: &str, preset: Option<u16>) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("inet", address)) => Self::inet(address, preset),
            Some(("unix" | "local", path)) => Ok(Self::Unix(path.into())),
            Some((transport, _)) => {
                Err(format!("invalid transport name: {transport} in service: {text}"))
            }
            None => Err(format!("need service transport:endpoint instead of \"{text}\"")),
        }
    }

    /// Takes `host:port`, `[host]:port`, or, without a usual port, `port` alone on this host.
    pub fn inet(text: &str, preset: Option<u16>) -> Result<Self, String> {
        let split = match text.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, "")) => Some((host, None)),
                Some((host, rest)) => rest.strip_prefix(':').map(|port| (host, Some(port))),
                None => None,
            },
            None => Some(match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None if preset.is_some() => (text, None),
                None => ("", Some(text)),
            }),
        };
        let Some((host, port)) = split else {
            return Err(format!("{text}: missing ']' in network address"));
        };
        let port = match (port, preset) {
            (Some(port), _) if !port.is_empty() => {
                port_of(port).ok_or_else(|| format!("unknown service: {port}/tcp"))?
            }
            (_, Some(preset)) => preset,
            _ => return Err(format!("{text}: missing service name")),
        };
        let host = if host.is_empty() { "localhost" } else { host };
        Ok(Self::Inet { host: host.to_owned(), port })
    }

    /// Connects within the time limit.
    pub async fn connect(&self, limit: Duration) -> io::Result<Stream> {
        let connecting = async {
            match self {
                Self::Inet { host, port } => {
                    let socket = TcpStream::connect((host.as_str(), *port)).await?;
                    socket.set_nodelay(true)?;
                    Ok(Stream::new(socket))
                }
                Self::Unix(path) => UnixStream::connect(path).await.map(Stream::new),
            }
        };
        tokio::time::timeout(limit, connecting).await.unwrap_or_else(|_| Err(timed_out()))
    }
}

/// A TCP port by number or name.
pub fn port_of(text: &str) -> Option<u16> {
    match text.parse() {
        Ok(port) => Some(port),
        Err(_) => netdb::tcp_port(text),
    }
}

/// What the system says when a wait is over.
pub fn timed_out() -> io::Error {
    io::Error::from_raw_os_error(libc::ETIMEDOUT)
}

/// The words for an error of a connection.
pub fn reason(error: &io::Error) -> String {
    why(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let inet = |host: &str, port| Ok(Endpoint::Inet { host: host.into(), port });
        assert_eq!(Endpoint::parse("inet:a:12", None), inet("a", 12));
        assert_eq!(Endpoint::parse("inet:[::1]:12", None), inet("::1", 12));
        assert_eq!(Endpoint::parse("inet:a", Some(7)), inet("a", 7));
        assert_eq!(Endpoint::parse("inet:[a]", Some(7)), inet("a", 7));
        assert_eq!(Endpoint::inet("12", None), inet("localhost", 12));
        assert_eq!(Endpoint::parse("unix:/x", None), Ok(Endpoint::Unix("/x".into())));
        for bad in ["x", "tcp:x:1", "inet:a:nonsense", "inet:[a:12", "inet:a:", "inet:[a]"] {
            assert!(Endpoint::parse(bad, None).is_err(), "{bad}");
        }
    }
}
