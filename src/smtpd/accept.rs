//! Clients come in: what all services of the process have in common before they know who it is.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::passed::Replay;
use crate::config::master_cf::SocketKind;
use crate::log::Log;
use crate::service::birth::Life;
use crate::tls::Stream;

/// A listening socket.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// UNIX.
    Unix(UnixListener),
}

/// A client that has come.
pub struct Client {
    /// The connection.
    pub stream: Stream,
    /// Its address and ours; none over a UNIX socket.
    pub addresses: Option<(SocketAddr, SocketAddr)>,
    /// postscreen has let it pass, and knows about its proxy.
    pub screened: bool,
    /// What postscreen has heard of it already.
    pub replay: Option<Box<Replay>>,
}

impl Client {
    fn new(stream: Stream, addresses: Option<(SocketAddr, SocketAddr)>) -> Self {
        Self { stream, addresses, screened: false, replay: None }
    }
}

impl Listener {
    /// Takes over a listening socket.
    pub fn new(socket: OwnedFd, kind: SocketKind) -> std::io::Result<Self> {
        if kind == SocketKind::Inet {
            let listener = std::net::TcpListener::from(socket);
            listener.set_nonblocking(true)?;
            return Ok(Self::Tcp(TcpListener::from_std(listener)?));
        }
        let listener = std::os::unix::net::UnixListener::from(socket);
        listener.set_nonblocking(true)?;
        Ok(Self::Unix(UnixListener::from_std(listener)?))
    }

    /// The next client.
    pub async fn accept(&self) -> std::io::Result<Client> {
        match self {
            Self::Tcp(listener) => {
                let (stream, remote) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let local = stream
                    .local_addr()
                    .unwrap_or_else(|_| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
                Ok(Client::new(stream.into(), Some((remote, local))))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok(Client::new(stream.into(), None))
            }
        }
    }
}

/// Accepts clients, each when there is a place for it, until the process drains.
pub async fn accept_all(
    listener: Listener,
    places: &Arc<Semaphore>,
    mut life: Life,
    log: &Log,
    mut admit: impl FnMut(Client, OwnedSemaphorePermit),
) {
    loop {
        let next = async {
            let place = places.clone().acquire_owned().await;
            (place, listener.accept().await)
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = life.drained() => return,
        };
        match accepted {
            (Ok(place), Ok(client)) => admit(client, place),
            // The places are never closed.
            (Err(_), _) => return,
            // Out of descriptors or memory, or the client has gone again: others will come.
            (_, Err(e)) if is_clients_fault(&e) => {}
            (_, Err(e)) => {
                log.warning(format_args!("accept connection: {e}"));
                tokio::time::sleep(BREATHER).await;
            }
        }
    }
}

/// Whether the client has gone again before it was accepted.
fn is_clients_fault(e: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    matches!(e.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
}

/// Runs a future to its end, or to its panic: then the text of the panic comes back.
pub async fn survive(future: impl Future<Output = ()>) -> Result<(), String> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let poll = std::panic::AssertUnwindSafe(|| future.as_mut().poll(context));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => std::task::Poll::Ready(Err(panic_text(&*payload))),
        }
    })
    .await
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a session has failed".into())
}

/// How long to wait when there are no more descriptors.
const BREATHER: Duration = Duration::from_millis(100);
