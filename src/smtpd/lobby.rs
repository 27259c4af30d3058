//! The sockets of postscreen(8): clients come in here and are tested; who passes goes on in the room of
//! the smtpd service behind it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::accept::{Client, Listener, accept_all, survive};
use super::listener::Room;
use super::postscreen::{self, Screen};
use crate::config::master_cf::SocketKind;
use crate::log::{Level, Log};
use crate::service::birth::Life;

/// A postscreen service and its sockets.
pub struct ScreenDoor {
    pub screen: postscreen::Unfinished,
    pub sockets: Vec<OwnedFd>,
    pub kind: SocketKind,
    pub log: Log,
}

/// What the sessions of one postscreen service share.
#[derive(Clone)]
pub struct Lobby {
    screen: Arc<Screen>,
    places: Arc<Semaphore>,
    kind: SocketKind,
    log: Log,
    alive: tokio::sync::mpsc::Sender<()>,
}

impl ScreenDoor {
    /// The lobby before the room, and its sockets. `alive` is kept by all that goes on in it.
    pub fn enter(
        self,
        behind: Option<Arc<Room>>,
        alive: tokio::sync::mpsc::Sender<()>,
    ) -> (Lobby, Vec<OwnedFd>) {
        let Self { screen, sockets, kind, log } = self;
        let places = Arc::new(Semaphore::new(screen.places()));
        (Lobby { screen: screen.finish(behind), places, kind, log, alive }, sockets)
    }
}

impl Lobby {
    /// Finds the keys of the engine's certificates, before the first client.
    #[cfg(feature = "ssl")]
    pub async fn open_keys(&self, keys: Arc<crate::tls::remote::KeyHolder>) {
        let screen = self.screen.clone();
        // Should it panic, there is no TLS, and that is what clients are told.
        let _ = tokio::task::spawn_blocking(move || screen.open_keys(&keys)).await;
    }

    /// Accepts clients at all sockets, in tasks of their own, until the process drains.
    pub fn open(&self, sockets: Vec<OwnedFd>, life: &Life) {
        for socket in sockets {
            let (lobby, life) = (self.clone(), life.clone());
            tokio::spawn(async move {
                if let Err(e) = lobby.listen(socket, life).await {
                    lobby.log.fatal(format_args!("accept connection: {e}"));
                }
            });
        }
    }

    async fn listen(&self, socket: OwnedFd, life: Life) -> std::io::Result<()> {
        let listener = Listener::new(socket, self.kind)?;
        accept_all(listener, &self.places, life, &self.log, |client, place| {
            // postscreen is for clients with an address.
            let Client { stream, addresses: Some(addresses), .. } = client else { return };
            let Self { screen, log, alive, .. } = self.clone();
            tokio::spawn(async move {
                let screening = Box::pin(screen.receive(stream, addresses));
                if let Err(text) = survive(screening).await {
                    log.line(Level::Panic, format_args!("{text}"));
                }
                drop((place, alive));
            });
        })
        .await;
        Ok(())
    }
}
