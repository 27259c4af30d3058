//! A proxy in front of us that says who its client is (`smtpd_upstream_proxy_protocol = haproxy`).

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::session::escape;
use super::settings::Settings;
use crate::log::Log;
use crate::wire::proxy_protocol::{Families, HEADER_MAX, Origin, is_incomplete, take};

/// How often to look again at a header that comes in pieces.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Client and server address of a connection.
pub type Addresses = (SocketAddr, SocketAddr);

/// Reads the header of a proxy, and no byte more. None, and a warning, if there is none in time.
pub async fn addresses(
    stream: &mut TcpStream,
    own: Addresses,
    settings: &Settings,
    log: &Log,
) -> Option<Addresses> {
    let end = Instant::now() + settings.upstream_proxy_timeout;
    let families = Families { ipv4: settings.ipv4, ipv6: settings.ipv6 };
    let mut buffer = [0; HEADER_MAX];
    let header = loop {
        let count = match timeout_at(end, stream.peek(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => {
                log.warning(format_args!("haproxy read: EOF"));
                return None;
            }
            Ok(Ok(count)) => count,
            Err(_) => {
                log.warning(format_args!("haproxy read: timeout error"));
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
