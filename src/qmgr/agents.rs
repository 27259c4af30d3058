//! The connections to delivery agents: one for each transport, made when there is mail for it.

use std::collections::{HashSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

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
    /// `daemon_timeout`: how long a request may take.
    pub(super) patience: Duration,
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
                Ok(stream) => match self.talk(stream, std::mem::take(&mut waiting)).await {
                    End::Lost(lost) => {
                        let transport = self.transport.clone();
                        if self.events.send(Event::AgentLost { transport, lost }).await.is_err() {
                            return;
                        }
                    }
                    End::Leaving(leaving) => {
                        tokio::spawn(leaving.finish());
                    }
                },
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

    /// Sends requests and passes reports on until the agent goes away.
    async fn talk(&mut self, stream: UnixStream, mut batch: Vec<Request>) -> End {
        let (mut to, mut from) = split::<ToAgent, FromAgent>(stream);
        let mut open = Open::default();
        loop {
            match tokio::time::timeout(self.patience, send(&mut to, &mut batch, &mut open)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return End::Lost(open.requests),
            }
            let event = tokio::select! {
                n = self.requests.recv_many(&mut batch, BATCH) => {
                    if n == 0 {
                        return End::Lost(open.requests);
                    }
                    continue;
                }
                reports = receive(&mut from) => {
                    let Some(reports) = reports else { return End::Lost(open.requests) };
                    if open.heard(&reports) {
                        let (transport, events) = (self.transport.clone(), self.events.clone());
                        let patience = self.patience;
                        let leaving = Leaving { transport, events, patience, reports, from, open };
                        return End::Leaving(Box::new(leaving));
                    }
                    Event::Agent { reports }
                }
                lost = open.unanswered(self.patience) => {
                    Event::AgentSilent { transport: self.transport.clone(), lost }
                }
            };
            if self.events.send(event).await.is_err() {
                return End::Lost(open.requests);
            }
        }
    }
}

/// How a connection ends.
enum End {
    /// The agent has gone; the numbers of the requests that it still had.
    Lost(HashSet<u64>),
    /// It takes no more, as after a reload, and finishes what it has; others go to its successor.
    Leaving(Box<Leaving>),
}

/// A connection over which only reports are still to come. Our half is closed.
struct Leaving {
    transport: String,
    events: mpsc::Sender<Event>,
    patience: Duration,
    /// What has been read and not passed on yet.
    reports: Vec<FromAgent>,
    from: Receiver<FromAgent>,
    open: Open,
}

impl Leaving {
    /// Passes reports on until the agent has gone.
    async fn finish(mut self: Box<Self>) {
        loop {
            let reports = std::mem::take(&mut self.reports);
            if self.events.send(Event::Agent { reports }).await.is_err() {
                return;
            }
            let transport = self.transport.clone();
            tokio::select! {
                reports = receive(&mut self.from) => match reports {
                    Some(reports) => {
                        self.open.heard(&reports);
                        self.reports = reports;
                    }
                    None => {
                        let lost = self.open.requests;
                        let _ = self.events.send(Event::AgentLost { transport, lost }).await;
                        return;
                    }
                },
                lost = self.open.unanswered(self.patience) => {
                    let _ = self.events.send(Event::AgentSilent { transport, lost }).await;
                }
            }
        }
    }
}

/// The requests that an agent has.
#[derive(Debug, Default)]
struct Open {
    requests: HashSet<u64>,
    /// When they were sent, the oldest first; some may have been answered since.
    sent: VecDeque<(Instant, u64)>,
}

impl Open {
    fn add(&mut self, number: u64) {
        self.requests.insert(number);
        self.sent.push_back((Instant::now(), number));
    }

    /// Forgets what has been done; whether the agent is leaving.
    fn heard(&mut self, reports: &[FromAgent]) -> bool {
        let mut leaving = false;
        for report in reports {
            match report {
                FromAgent::Done { number, .. } => {
                    self.requests.remove(number);
                }
                FromAgent::Leaving => leaving = true,
                FromAgent::Recipient { .. } | FromAgent::Expanded(_) | FromAgent::Handshake(_) => {}
            }
        }
        leaving
    }

    /// Waits for a request that has no answer after so long: in Postfix the agent's process would
    /// have been ended by its watchdog. It counts as lost, and those of the same age with it.
    async fn unanswered(&mut self, patience: Duration) -> HashSet<u64> {
        let oldest = loop {
            match self.sent.front() {
                None => return std::future::pending().await,
                Some((_, number)) if !self.requests.contains(number) => {
                    self.sent.pop_front();
                }
                Some((sent, _)) => break *sent,
            }
        };
        tokio::time::sleep_until(oldest + patience).await;
        let mut lost = HashSet::new();
        while let Some((sent, number)) = self.sent.front().copied()
            && sent + patience <= Instant::now()
        {
            self.sent.pop_front();
            if self.requests.remove(&number) {
                lost.insert(number);
            }
        }
        lost
    }
}

async fn send(
    to: &mut Sender<ToAgent>,
    batch: &mut Vec<Request>,
    open: &mut Open,
) -> std::io::Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    for request in batch.drain(..) {
        open.add(request.number);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_silent_agent_loses_what_it_has_had_for_too_long() {
        let patience = Duration::from_millis(80);
        let mut open = Open::default();
        open.add(1);
        open.add(2);
        tokio::time::sleep(patience / 2).await;
        open.add(3);
        open.requests.remove(&1);
        assert_eq!(open.unanswered(patience).await, HashSet::from([2]));
        assert_eq!(open.requests, HashSet::from([3]));
        open.requests.remove(&3);
        assert!(tokio::time::timeout(patience * 3, open.unanswered(patience)).await.is_err());
    }
}
