//! The connections of intake processes.

use std::os::fd::OwnedFd;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::event::Event;
use crate::ipc::channel::split;
use crate::ipc::queue::{FromQueue, ToQueue};

/// Frames in one event at most.
const BATCH: usize = 512;

/// A tokio listener on a socket that was bound by master.
pub(super) fn listener(socket: OwnedFd) -> std::io::Result<UnixListener> {
    let socket = std::os::unix::net::UnixListener::from(socket);
    socket.set_nonblocking(true)?;
    UnixListener::from_std(socket)
}

/// Accepts intake processes.
pub(super) async fn serve(listener: UnixListener, events: mpsc::Sender<Event>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(connection(stream, events.clone()));
            }
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: UnixStream, events: mpsc::Sender<Event>) {
    let (mut to, mut from) = split::<FromQueue, ToQueue>(stream);
    let Ok(Some(ToQueue::Hello { writer })) = from.next().await else { return };
    let (recycle, mut recycled) = mpsc::unbounded_channel();
    if events.send(Event::Intake { writer, recycle }).await.is_err() {
        return;
    }
    let writing = tokio::spawn(async move {
        while let Some(frame) = recycled.recv().await {
            if to.push(&frame).is_err() {
                return;
            }
            while let Ok(frame) = recycled.try_recv() {
                if to.push(&frame).is_err() {
                    return;
                }
            }
            if to.flush().await.is_err() {
                return;
            }
        }
    });
    while let Ok(Some(frame)) = from.next().await {
        let mut frames = vec![frame];
        while frames.len() < BATCH
            && let Ok(Some(frame)) = from.buffered()
        {
            frames.push(frame);
        }
        if events.send(Event::FromIntake { writer, frames }).await.is_err() {
            break;
        }
    }
    writing.abort();
    let _ = events.send(Event::IntakeLost { writer }).await;
}
