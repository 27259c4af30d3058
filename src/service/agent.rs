//! The agent's side of the connection with qmgr: takes requests, gives outcomes, logs them.
//!
//! Requests arrive many in one read; each is delivered in a task of its own. Outcomes leave
//! through one [`Reporter`] for each request: it writes the log line that tells administrators
//! what became of a recipient, and the reports of all tasks leave together in one write.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::delivery_line;
use crate::config::{Config, parameters as p};
use crate::ipc::channel::{Receiver, Sender, split};
use crate::ipc::delivery::{
    Expanded, Failure, Forward, ForwardLine, FromAgent, Part, Request, To, ToAgent,
};
use crate::ipc::tlsrpt::Handshake;
use crate::log::Log;
use crate::mail::envelope::Timestamp;
use crate::mail::outcome::{Action, Outcome};
use crate::mail::status::Status;

/// `status=` of a probe that failed, where such results are not remembered.
pub const NOT_CACHED: &str = "undeliverable-but-not-cached";

/// How many reports are written at once at most.
const BATCH: usize = 256;

/// What all agents do alike when they report.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `soft_bounce`: what would bounce waits, and is logged as `SOFTBOUNCE`.
    pub soft_bounce: bool,
    /// `delay_logging_resolution_limit`: decimals of `delay=` and `delays=`.
    pub delay_decimals: u32,
    /// `info_log_address_format`: whether logged addresses are quoted as in message headers.
    pub quote_addresses: bool,
    /// `address_verify_negative_cache`: whether a probe that failed is remembered.
    pub negative_cache: bool,
}

impl Settings {
    /// Reads the parameters.
    pub fn read(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            soft_bounce: config.bool(&p::soft_bounce),
            delay_decimals: u32::try_from(config.int(&p::delay_logging_resolution_limit))
                .unwrap_or(2),
            quote_addresses: config.text(&p::info_log_address_format) != "internal",
            negative_cache: config.bool(&p::address_verify_negative_cache),
        })
    }
}

/// Where an agent reports what became of the recipients of one request.
///
/// When the last clone goes without [`Reporter::done`] (the task panicked), all recipients that
/// have no outcome are deferred, so that qmgr never waits in vain.
#[derive(Clone, Debug)]
pub struct Reporter {
    open: Arc<OpenRequest>,
}

#[derive(Debug)]
struct OpenRequest {
    settings: Arc<Settings>,
    sender: UnboundedSender<FromAgent>,
    request: Arc<Request>,
    reported: Mutex<Vec<u32>>,
    done: AtomicBool,
}

/// The time stamps behind the last three parts of `delays=a/b/c/d`; the first comes from the
/// request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Delays {
    /// When the agent began with it (b is from `activated` to here).
    pub started: Timestamp,
    /// When the connection stood, if there was one (c).
    pub connected: Option<Timestamp>,
    /// When the outcome was known (d).
    pub finished: Timestamp,
    /// How often the connection had been used for mail before this; from 1 on the line says
    /// `conn_use=`, one higher.
    pub reused: u32,
}

/// By which way a recipient's mail went, or was to go.
#[derive(Clone, Copy, Debug)]
pub struct Via<'a> {
    /// `relay=`
    pub relay: &'a str,
    /// `tls=`; empty where the line does not say.
    pub tls: &'a str,
}

impl<'a> From<&'a str> for Via<'a> {
    fn from(relay: &'a str) -> Self {
        Self { relay, tls: "" }
    }
}

impl<'a> From<&'a String> for Via<'a> {
    fn from(relay: &'a String) -> Self {
        Self { relay, tls: "" }
    }
}

impl Delays {
    /// Work that began at `started` and is finished now, without a connection.
    pub fn until_now(started: Timestamp) -> Self {
        Self { started, connected: None, finished: now(), reused: 0 }
    }
}

/// The time.
pub fn now() -> Timestamp {
    Timestamp(crate::sys::now())
}

impl Reporter {
    /// Reports to `sender` about `request`.
    pub fn new(
        settings: Arc<Settings>,
        request: Arc<Request>,
        sender: UnboundedSender<FromAgent>,
    ) -> Self {
        let open = OpenRequest {
            settings,
            sender,
            request,
            reported: Mutex::default(),
            done: AtomicBool::new(false),
        };
        Self { open: Arc::new(open) }
    }

    /// Logs the `to=<…>, relay=…, delay=…, delays=…, dsn=…, status=… (…)` line and tells qmgr.
    /// Probes become `deliverable` or `undeliverable` here, and `soft_bounce` is applied.
    pub fn recipient<'a>(
        &self,
        log: &Log,
        to: &To,
        via: impl Into<Via<'a>>,
        delays: Delays,
        outcome: Outcome,
    ) {
        let via = via.into();
        let outcome = self.part(log, to, via, delays, outcome);
        self.tell(to.index, via.relay, outcome, Vec::new());
    }

    /// Tells qmgr about a recipient of local(8) whose line has been logged.
    pub fn logged(&self, index: u32, outcome: Outcome, forwards: Vec<Forward>) {
        self.tell(index, "local", outcome, forwards);
    }

    /// Passes on what another agent has said, and logged, about a recipient of this request.
    pub fn passed(&self, answer: FromAgent) {
        match answer {
            FromAgent::Recipient { index, outcome, relay, forwards, .. } => {
                self.tell(index, &relay, *outcome, forwards);
            }
            FromAgent::Expanded(said) => {
                let Expanded { index, parts, forwards, retry, .. } = *said;
                self.expanded(index, parts, forwards, retry);
            }
            FromAgent::Handshake(_) | FromAgent::Done { .. } | FromAgent::Leaving => {}
        }
    }

    fn tell(&self, index: u32, relay: &str, outcome: Outcome, forwards: Vec<Forward>) {
        let open = &*self.open;
        if let Ok(mut reported) = open.reported.lock() {
            reported.push(index);
        }
        let number = open.request.number;
        let outcome = Box::new(outcome);
        let _ = open.sender.send(FromAgent::Recipient {
            number,
            index,
            outcome,
            relay: relay.to_owned(),
            forwards,
        });
    }

    /// Logs the line of one delivery without telling qmgr; returns the outcome as qmgr gets it,
    /// in an [`Expanded`].
    pub fn part<'a>(
        &self,
        log: &Log,
        to: &To,
        via: impl Into<Via<'a>>,
        delays: Delays,
        outcome: Outcome,
    ) -> Outcome {
        let (word, outcome) = self.open.verdict(outcome);
        let line = self.line(to, via.into(), delays, outcome.status, word, &outcome.text);
        log.info(format_args!("{line}"));
        outcome
    }

    /// The line that qmgr logs for a forward, but for the queue ID at its end.
    pub fn forward_line(&self, log: &Log, to: &To, relay: &str, delays: Delays) -> ForwardLine {
        let via = relay.into();
        let mut start = self.line(to, via, delays, Status::new(2, 0, 0), "sent", "forwarded as ");
        start.pop();
        ForwardLine { tag: log.tag().to_owned(), number: log.number(), start }
    }

    fn line(
        &self,
        to: &To,
        Via { relay, tls }: Via<'_>,
        delays: Delays,
        status: Status,
        word: &str,
        text: &str,
    ) -> String {
        let OpenRequest { request, settings, .. } = &*self.open;
        let line = delivery_line::Line { request, to, relay, delays, tls, status, word, text };
        line.text(settings.delay_decimals, settings.quote_addresses)
    }

    /// Tells qmgr about a recipient that stood for others; its parts have been logged.
    pub fn expanded(&self, index: u32, parts: Vec<Part>, forwards: Vec<Forward>, retry: bool) {
        if let Ok(mut reported) = self.open.reported.lock() {
            reported.push(index);
        }
        let number = self.open.request.number;
        let expanded = Expanded { number, index, parts, forwards, retry };
        let _ = self.open.sender.send(FromAgent::Expanded(Box::new(expanded)));
    }

    /// Tells qmgr how a handshake went, for TLS reports.
    pub fn handshake(&self, handshake: Handshake) {
        let _ = self.open.sender.send(FromAgent::Handshake(Box::new(handshake)));
    }

    /// All recipients have been reported.
    pub fn done(self, destination_failed: Option<Failure>) {
        self.open.finish(destination_failed);
    }
}

impl OpenRequest {
    /// The word after `status=`, and the outcome as qmgr gets it.
    fn verdict(&self, mut outcome: Outcome) -> (&'static str, Outcome) {
        let trace = self.request.trace;
        if trace.verify || trace.expand_only {
            let deliverable = matches!(
                outcome.action,
                Action::Sent { .. } | Action::Probed { deliverable: true }
            );
            outcome.action = Action::Probed { deliverable };
            let lost = trace.verify && !deliverable && !self.settings.negative_cache;
            return (if lost { NOT_CACHED } else { outcome.log_word() }, outcome);
        }
        let softened = self.settings.soft_bounce && outcome.action == Action::Bounced;
        let outcome = outcome.softened(self.settings.soft_bounce);
        (if softened { "SOFTBOUNCE" } else { outcome.log_word() }, outcome)
    }

    fn finish(&self, destination_failed: Option<Failure>) {
        if !self.done.swap(true, Ordering::AcqRel) {
            let number = self.request.number;
            let _ = self.sender.send(FromAgent::Done { number, destination_failed });
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        if self.done.load(Ordering::Acquire) {
            return;
        }
        let reported = self.reported.get_mut().map(|r| std::mem::take(&mut *r)).unwrap_or_default();
        for to in self.request.recipients.iter().filter(|to| !reported.contains(&to.index)) {
            let outcome = Outcome::own(Status::new(4, 3, 0), "unknown mail transport error");
            let _ = self.sender.send(FromAgent::Recipient {
                number: self.request.number,
                index: to.index,
                outcome: Box::new(outcome),
                relay: "none".into(),
                forwards: Vec::new(),
            });
        }
        self.finish(None);
    }
}

/// Serves the connections of qmgr on a listening socket: for each request `deliver` is called in
/// a task of its own. Returns when drained and all requests are done.
pub async fn serve<Deliver, Done>(
    socket: OwnedFd,
    mut life: super::birth::Life,
    settings: Arc<Settings>,
    deliver: Deliver,
) -> std::io::Result<()>
where
    Deliver: Fn(Arc<Request>, Reporter) -> Done + Send + Sync + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    let socket = StdListener::from(socket);
    socket.set_nonblocking(true)?;
    let listener = UnixListener::from_std(socket)?;
    let deliver = Arc::new(deliver);
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = life.drained() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (life, settings) = (life.clone(), settings.clone());
                    connections.spawn(connection(stream, life, settings, deliver.clone()));
                }
                // Out of descriptors, say: what is in flight goes on, and frees some.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// How long an agent that is leaving waits for the other side to say that nothing more will come.
const FAREWELL: Duration = Duration::from_secs(10);

/// One connection of qmgr, to its end and to the end of all requests that came over it.
async fn connection<Deliver, Done>(
    stream: UnixStream,
    mut life: super::birth::Life,
    settings: Arc<Settings>,
    deliver: Arc<Deliver>,
) where
    Deliver: Fn(Arc<Request>, Reporter) -> Done + Send + Sync + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    let (to_qmgr, mut from_qmgr) = split::<FromAgent, ToAgent>(stream);
    let (reports, outbox) = unbounded_channel();
    let writer = tokio::spawn(write_reports(outbox, to_qmgr));
    let mut leaving = false;
    loop {
        let request = tokio::select! {
            request = next_request(&mut from_qmgr) => request,
            () = tokio::time::sleep(FAREWELL), if leaving => None,
            () = life.drained(), if !leaving => {
                leaving = true;
                // Requests may be on their way: they are taken until qmgr has heard of it.
                let _ = reports.send(FromAgent::Leaving);
                continue;
            }
        };
        let Some(request) = request else { break };
        let request = Arc::new(request);
        let reporter = Reporter::new(settings.clone(), request.clone(), reports.clone());
        tokio::spawn(deliver(request, reporter));
    }
    // The writer ends when the last reporter is gone.
    drop(reports);
    let _ = writer.await;
}

async fn next_request(from_qmgr: &mut Receiver<ToAgent>) -> Option<Request> {
    match from_qmgr.next().await {
        Ok(Some(ToAgent::Deliver(request))) => Some(*request),
        Ok(None) | Err(_) => None,
    }
}

/// Serves all sockets of several master.cf lines, each with the agent that was made from it.
/// Returns when drained.
pub async fn serve_all<Agent, Deliver, Done>(
    services: Vec<(super::birth::Service, Arc<Agent>)>,
    life: super::birth::Life,
    deliver: Deliver,
) where
    Agent: Send + Sync + 'static,
    Deliver: Fn(Arc<Agent>, Arc<Request>, Reporter) -> Done + Copy + Send + Sync + 'static,
    Done: Future<Output = ()> + Send + 'static,
{
    let mut listeners = tokio::task::JoinSet::new();
    for (service, agent) in services {
        let reports = Settings::read(&service.config);
        for socket in service.sockets {
            let (agent, log) = (agent.clone(), service.log.clone());
            let one = move |request, reporter| deliver(agent.clone(), request, reporter);
            let served = serve(socket, life.clone(), reports.clone(), one);
            listeners.spawn(async move {
                if let Err(e) = served.await {
                    log.fatal(format_args!("listen: {e}"));
                }
            });
        }
    }
    while listeners.join_next().await.is_some() {}
}

/// Writes reports as they come, all that have piled up in one write. When qmgr has gone they
/// go nowhere: it learns from its own log what it has to try again.
async fn write_reports(mut outbox: UnboundedReceiver<FromAgent>, mut to_qmgr: Sender<FromAgent>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut connected = true;
    while outbox.recv_many(&mut batch, BATCH).await > 0 {
        for report in batch.drain(..) {
            connected = connected && to_qmgr.push(&report).is_ok();
        }
        // Our lines stand in the log before qmgr's "removed": tools read a message's story in order.
        crate::log::flush();
        connected = connected && to_qmgr.flush().await.is_ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::outcome::Success;
    use crate::service::delivery_line::tests::{a_recipient, a_request};

    fn reporter(soft_bounce: bool) -> (Reporter, UnboundedReceiver<FromAgent>) {
        let settings = Settings {
            soft_bounce,
            delay_decimals: 2,
            quote_addresses: true,
            negative_cache: true,
        };
        let mut request = a_request();
        request.recipients = vec![a_recipient("a@example.com"), a_recipient("b@example.com")];
        request.recipients[1].index = 1;
        let (sender, receiver) = unbounded_channel();
        (Reporter::new(Arc::new(settings), Arc::new(request), sender), receiver)
    }

    #[test]
    fn a_lost_reporter_defers_what_is_open() {
        let (reporter, mut received) = reporter(false);
        let to = a_recipient("a@example.com");
        let sent = Outcome {
            action: Action::Sent { success: Success::Delivered },
            ..Outcome::own(Status::new(2, 0, 0), "delivered")
        };
        let log = Log::new("postfix", "smtp");
        reporter.recipient(&log, &to, "none", Delays::default(), sent);
        drop(reporter);
        assert!(matches!(received.try_recv(), Ok(FromAgent::Recipient { index: 0, .. })));
        let Ok(FromAgent::Recipient { index: 1, outcome, .. }) = received.try_recv() else {
            panic!("no report for the second recipient");
        };
        assert_eq!(outcome.action, Action::Deferred);
        assert!(matches!(received.try_recv(), Ok(FromAgent::Done { .. })));
        assert!(received.try_recv().is_err());
    }

    #[test]
    fn soft_bounce_defers() {
        let (reporter, _received) = reporter(true);
        let bounce = Outcome::own(Status::new(5, 1, 1), "no");
        let (word, outcome) = reporter.open.verdict(bounce);
        assert_eq!((word, outcome.action), ("SOFTBOUNCE", Action::Deferred));
        assert_eq!(outcome.status, Status::new(4, 1, 1));
    }
}
