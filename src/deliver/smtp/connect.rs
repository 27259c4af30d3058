//! Makes connections.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::{TcpSocket, TcpStream, UnixStream};

use super::connection::{Connection, Keep, Peer};
use super::reason::Reason;
use super::settings::Settings;
use crate::config::why;
use crate::log::Log;
use crate::mail::status::Status;
use crate::tls::Stream;

/// Longest name of a UNIX socket (`sun_path`).
const UNIX_NAME_MAX: usize = 107;

/// Connects to a server; the reason of a failure names it and its port.
pub async fn tcp(
    settings: &Settings,
    log: &Log,
    host: &str,
    address: IpAddr,
    port: u16,
) -> Result<Connection, Reason> {
    let peer = Peer::tcp(host, address, port);
    if log.verbose() > 0 {
        log.info(format_args!("smtp_connect_addr: trying: {} port {port}...", peer.name));
    }
    let failed = |e: &io::Error| {
        Reason::own(Status::new(4, 4, 1), format!("connect to {}: {}", peer.name_port, why(e)))
    };
    let socket = match address {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    }
    .map_err(|e| failed(&e))?;
    bind(settings, log, &socket, address)?;
    if let Some(size) = settings.sockets.window {
        // Before the connection is made: the window's scale is agreed on then.
        let _ = socket.set_send_buffer_size(size);
        let _ = socket.set_recv_buffer_size(size);
    }
    let start = Instant::now();
    let connecting = socket.connect(SocketAddr::new(address, port));
    let stream: TcpStream =
        within(settings.limits.connect, connecting).await.map_err(|e| failed(&e))?;
    let _ = stream.set_nodelay(true);
    let mut connection = fresh(settings, stream.into(), peer, start);
    let debug = &settings.debug_peers;
    connection.debugged = !debug.is_empty() && debug.matches(host, address).await.unwrap_or(false);
    Ok(connection)
}

/// Connects to a UNIX socket.
pub async fn unix(settings: &Settings, log: &Log, path: &str) -> Result<Connection, Reason> {
    let peer = Peer::unix(&settings.greeting.myhostname, path);
    if path.len() > UNIX_NAME_MAX {
        log.warning(format_args!("unix-domain name too long: {path}"));
        return Err(Reason::own(Status::new(4, 3, 5), "Server configuration error".into()));
    }
    let start = Instant::now();
    let full = settings.sockets.queue_directory.join(path);
    let stream = within(settings.limits.connect, UnixStream::connect(&full)).await;
    let stream = stream.map_err(|e| {
        Reason::own(Status::new(4, 4, 1), format!("connect to {}: {}", peer.name, why(&e)))
    })?;
    Ok(fresh(settings, stream.into(), peer, start))
}

/// A zero limit is that of the kernel.
async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    if limit.is_zero() {
        return work.await;
    }
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::from_raw_os_error(nix::errno::Errno::ETIMEDOUT as i32)),
    }
}

fn fresh(settings: &Settings, stream: Stream, peer: Peer, start: Instant) -> Connection {
    let mut connection = Connection::new(stream, peer);
    connection.keep = Keep::Until(start + settings.reuse.lifetime);
    connection
}

/// Chooses the address that mail comes from: the configured one, or the only one there is.
fn bind(settings: &Settings, log: &Log, socket: &TcpSocket, to: IpAddr) -> Result<(), Reason> {
    let sockets = &settings.sockets;
    let (configured, only) = match to {
        IpAddr::V4(_) => (sockets.bind_v4, sockets.only_v4),
        IpAddr::V6(_) => (sockets.bind_v6, sockets.only_v6),
    };
    let Some(address) = configured.or(only) else { return Ok(()) };
    if let Err(e) = socket.bind(SocketAddr::new(address, 0)) {
        log.warning(format_args!("smtp_connect_addr: bind {address}: {}", why(&e)));
        if configured.is_some() && sockets.bind_enforce {
            let text = "server configuration error".to_owned();
            return Err(Reason::own(Status::new(4, 4, 0), text));
        }
    }
    Ok(())
}
