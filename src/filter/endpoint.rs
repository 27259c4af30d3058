//! Where a helper program listens: `inet:host:port`, `unix:path`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::config::why;
use crate::sys::netdb;

/// An address that can be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A UNIX socket.
    Unix(PathBuf),
    /// Host and port or service, as written.
    Inet { host: String, port: String },
}

/// A connection with such a program.
pub type Stream = Box<dyn Bytes>;

/// Bytes both ways.
pub trait Bytes: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug> Bytes for T {}

impl Endpoint {
    /// Parses what stands behind `inet:`: a port, or a host and a port.
    pub fn inet(text: &str) -> Self {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, port),
            None => ("", text),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let host = if host.is_empty() { "localhost" } else { host };
        Self::Inet { host: host.to_owned(), port: port.to_owned() }
    }

    /// Parses what stands behind `unix:`: a path, below the queue directory if it is relative.
    pub fn unix(path: &str, queue_directory: &Path) -> Self {
        Self::Unix(queue_directory.join(path))
    }

    /// Connects within `limit`; all addresses of a host are tried.
    pub async fn connect(&self, limit: Duration) -> io::Result<Stream> {
        match tokio::time::timeout(limit, self.try_connect()).await {
            Ok(result) => result,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn try_connect(&self) -> io::Result<Stream> {
        let (host, port) = match self {
            Self::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
            Self::Inet { host, port } => (host, port),
        };
        let addresses = match host.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => look_up(host.clone()).await?,
        };
        let port = match port.parse::<u16>() {
            Ok(port) => port,
            Err(_) => netdb::tcp_port(port).ok_or_else(|| not_found(host))?,
        };
        let mut failure = not_found(host);
        for ip in addresses {
            match TcpStream::connect(SocketAddr::new(ip, port)).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Box::new(stream));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

async fn look_up(host: String) -> io::Result<Vec<IpAddr>> {
    let looked = tokio::task::spawn_blocking(move || netdb::addresses(&host, true, true)).await;
    match looked {
        Ok(Ok(addresses)) => Ok(addresses),
        Ok(Err(error)) => Err(io::Error::new(io::ErrorKind::NotFound, error.text)),
        Err(_) => Err(io::ErrorKind::Interrupted.into()),
    }
}

fn not_found(host: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("host or service {host} not found"))
}

/// An error in the words of Postfix's `%m`.
pub fn plain_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "Connection timed out".into(),
        // No error of the system at all: so Postfix calls that.
        io::ErrorKind::UnexpectedEof => "Application error".into(),
        io::ErrorKind::BrokenPipe => "Broken pipe".into(),
        _ => why(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        let inet = |host: &str, port: &str| Endpoint::Inet { host: host.into(), port: port.into() };
        assert_eq!(Endpoint::inet("8891"), inet("localhost", "8891"));
        assert_eq!(Endpoint::inet("a.example:smtp"), inet("a.example", "smtp"));
        assert_eq!(Endpoint::inet("[::1]:25"), inet("::1", "25"));
        let queue = Path::new("/var/spool/postfix");
        assert_eq!(
            Endpoint::unix("private/x", queue),
            Endpoint::Unix("/var/spool/postfix/private/x".into())
        );
        assert_eq!(Endpoint::unix("/run/x", queue), Endpoint::Unix("/run/x".into()));
    }
}
