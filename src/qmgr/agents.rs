//! The connections to delivery agents: one for each transport, made when there is mail for it.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::event::Event;
use crate::ipc::channel::{Receiver, Sender, split};
use crate::ipc::delivery::{FromAgent, Request, ToAgent};

/// Requests in one write at most.
const BATCH: usize = 256;

/// How long a connect may take: the socket is local.
const CONNECT: Duration = Duration::from_secs(10);

/// The connection to the agent of one transport.
pub(super) struct Link {
    pub(super) transport: String,
    pub(super) socket: PathBuf,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    pub(super) events: mpsc::Sender<Event>,
}

impl Link {
    /// Runs until there is nobody to send requests.
    pub(super) async fn run(mut self) {
        let mut waiting = Vec::new();
        while waiting.is_empty() {
            if self.requests.recv_many(&mut waiting, BATCH).await == 0 {
                return;
            }
            match self.connect().await {
                Ok(stream) => {
                    let lost = self.talk(stream, std::mem::take(&mut waiting)).await;
                    let transport = self.transport.clone();
                    if self.events.send(Event::AgentLost { transport, lost }).await.is_err() {
                        return;
                    }
                }
                Err(why) => {
                    while let Ok(request) = self.requests.try_recv() {
                        waiting.push(request);
                    }
                    let transport = self.transport.clone();
                    let requests = std::mem::take(&mut waiting);
                    let event = Event::AgentUnavailable { transport, why, requests };
                    if self.events.send(event).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn connect(&self) -> Result<UnixStream, String> {
        match tokio::time::timeout(CONNECT, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(crate::config::why(&error)),
            Err(_) => Err("Connection timed out".into()),
        }
    }

    /// Sends requests and passes reports on until the agent goes away. Returns the numbers of
    /// the requests that it still had.
    async fn talk(&mut self, stream: UnixStream, mut batch: Vec<Request>) -> HashSet<u64> {
        let (mut to, mut from) = split::<ToAgent, FromAgent>(stream);
        let mut open = HashSet::new();
        loop {
            if send(&mut to, &mut batch, &mut open).await.is_err() {
                return open;
            }
            tokio::select! {
                n = self.requests.recv_many(&mut batch, BATCH) => {
                    if n == 0 {
                        return open;
                    }
                }
                reports = receive(&mut from) => {
                    let Some(reports) = reports else { return open };
                    for report in &reports {
                        if let FromAgent::Done { number, .. } = report {
                            open.remove(number);
                        }
                    }
                    if self.events.send(Event::Agent { reports }).await.is_err() {
                        return open;
                    }
                }
            }
        }
    }
}

async fn send(
    to: &mut Sender<ToAgent>,
    batch: &mut Vec<Request>,
    open: &mut HashSet<u64>,
) -> std::io::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    for request in batch.drain(..) {
        open.insert(request.number);
        to.push(&ToAgent::Deliver(Box::new(request)))?;
    }
    // "queue active" stands in the log before what the agent says.
    crate::log::flush();
    to.flush().await
}

/// All reports that have arrived; `None` when the agent has gone or talks nonsense.
async fn receive(from: &mut Receiver<FromAgent>) -> Option<Vec<FromAgent>> {
    let mut reports = vec![from.next().await.ok()??];
    while reports.len() < BATCH {
        match from.buffered() {
            Ok(Some(report)) => reports.push(report),
            Ok(None) => break,
            Err(_) => return None,
        }
    }
    Some(reports)
}
