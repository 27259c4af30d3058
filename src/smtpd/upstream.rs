//! A proxy in front of us that says who its client is (`smtpd_upstream_proxy_protocol = haproxy`).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::session::escape;
use crate::log::Log;
use crate::wire::proxy_protocol::{Families, HEADER_MAX, Origin, is_incomplete, take};

/// How often to look again at a header that comes in pieces.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Client and server address of a connection.
pub type Addresses = (SocketAddr, SocketAddr);

/// What is expected of a proxy.
#[derive(Clone, Copy, Debug)]
pub struct Proxy {
    /// Which address families are in use.
    pub families: Families,
    /// How long the header may take.
    pub timeout: Duration,
    /// What the log says when it takes longer.
    pub late: &'static str,
}

/// Reads the header of a proxy, and no byte more. None, and a warning, if there is none in time.
pub async fn addresses(
    stream: &mut TcpStream,
    own: Addresses,
    proxy: Proxy,
    log: &Log,
) -> Option<Addresses> {
    let Proxy { families, timeout, late } = proxy;
    let end = Instant::now() + timeout;
    let mut buffer = [0; HEADER_MAX];
    let header = loop {
        let count = match timeout_at(end, stream.peek(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => {
                log.warning(format_args!("haproxy read: EOF"));
                return None;
            }
            Ok(Ok(count)) => count,
            Err(_) => {
                log.warning(format_args!("haproxy read: {late}"));
                return None;
            }
        };
        let seen = buffer.get(..count).unwrap_or_default();
        if !is_incomplete(seen) || Instant::now() + LOOK_AGAIN > end {
            break seen;
        }
        sleep(LOOK_AGAIN).await;
    };
    let (origin, used) = match take(header, families) {
        Ok(found) => found,
        Err(bad) => {
            log.warning(format_args!("haproxy read: {bad}: {}", escape(header)));
            return None;
        }
    };
    let mut gone = vec![0; used];
    if stream.read_exact(&mut gone).await.is_err() {
        log.warning(format_args!("haproxy read: EOF"));
        return None;
    }
    Some(match origin {
        Origin::Proxied { client, server } => (client, server),
        Origin::Local => own,
    })
}
