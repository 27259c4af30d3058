//! The sockets through which commands reach qmgr: `private/control` for root and the mail owner,
//! and `public/qmgr` for everybody in group postdrop, who may only ask for a flush.

use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use super::event::Event;
use crate::ipc::channel::split;
use crate::ipc::control::{FromQmgr, ToQmgr};

/// How long a command may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// Accepts commands.
pub(super) async fn serve(listener: UnixListener, trusted: bool, events: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, trusted, events.clone()));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: UnixStream, trusted: bool, events: mpsc::Sender<Event>) {
    let (mut to, mut from) = split::<FromQmgr, ToQmgr>(stream);
    while let Ok(Ok(Some(request))) = tokio::time::timeout(SILENCE, from.next()).await {
        let (answer, answered) = oneshot::channel();
        if events.send(Event::Control { request, trusted, answer }).await.is_err() {
            return;
        }
        let Ok(answer) = answered.await else { return };
        if to.send(&answer).await.is_err() {
            return;
        }
    }
}
