//! The owner of the queue: the loop, and the way of a message from its arrival to its end.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::arrival::Shelves;
use super::books::Books;
use super::event::Event;
use super::reports::Reports;
use super::scheduler::{Action, Key, RETRY, Scheduler};
use super::settings::Settings;
use super::sites::Sites;
use super::work::{NONE, Work};
use super::{Parts, log_of};
use crate::bounce::Bounce;
use crate::cleanup::Cleanup;
use crate::ipc::delivery::Request;
use crate::ipc::queue::{FromQueue, ToQueue};
use crate::log::Log;
use crate::mail::envelope::{Envelope, Timestamp};
use crate::mail::outcome::Outcome;
use crate::mail::status::Status;
use crate::rewrite::Rewrite;
use crate::service::birth::{Life, Reloads};
use crate::spool::{Location, Notice, Reader, Writer};
use crate::verify::Verifier;

/// Events that are taken at once.
const BATCH: usize = 256;

/// How often free segments are looked for, and the log's growth.
const HOUSEKEEPING: Duration = Duration::from_millis(250);

/// How long deliveries in flight are waited for when qmgr ends.
const FAREWELL: Duration = Duration::from_secs(20);

/// The owner.
pub(super) struct Queue {
    pub(super) settings: Arc<Settings>,
    pub(super) log: Log,
    pub(super) agent_log: Log,
    pub(super) rewrite: Arc<Rewrite>,
    pub(super) cleanup: Arc<Cleanup>,
    pub(super) bounce: Arc<Bounce>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) reports: Reports,
    /// Recipients of long lists that are in memory before their time.
    pub(super) ahead: usize,
    /// Active messages that are address probes.
    pub(super) probes: usize,
    pub(super) scheduler: Scheduler,
    pub(super) books: Books,
    pub(super) sites: Sites,
    pub(super) reader: Arc<Reader>,
    pub(super) writer: Arc<Writer>,
    /// Envelopes of incoming messages.
    pub(super) fresh: HashMap<Key, Box<Envelope>, foldhash::fast::RandomState>,
    /// Active messages.
    pub(super) work: HashMap<Key, Work, foldhash::fast::RandomState>,
    pub(super) agents:
        HashMap<Arc<str>, mpsc::UnboundedSender<Request>, foldhash::fast::RandomState>,
    pub(super) intakes: HashMap<u32, mpsc::UnboundedSender<FromQueue>>,
    /// Writers whose segments are being read again, and whether to do it once more.
    pub(super) scanning: HashMap<u32, bool>,
    /// Housekeeping rounds since sparse segments were looked for.
    pub(super) rounds: u32,
    /// Messages that were marked for it while qmgr was down.
    pub(super) to_requeue: Vec<(Key, Location)>,
    /// Tasks under way whose end is an event.
    pub(super) tasks: usize,
    pub(super) events: mpsc::Sender<Event>,
    inbox: Option<mpsc::Receiver<Event>>,
}

/// The time.
pub(super) fn now() -> Timestamp {
    Timestamp(crate::sys::now())
}

impl Queue {
    /// Opens spool and state log, and finds all mail again.
    pub(super) fn open(parts: Parts, log: Log) -> Result<Self, String> {
        let Parts { config: _, cleanup, rewrite, bounce, settings, verify, reports } = parts;
        let directory = settings.queue_directory.clone();
        let say = |error: crate::spool::SpoolError| error.to_string();
        let (mut books, mut memory) = Books::open(&directory).map_err(say)?;
        let reader = Arc::new(Reader::new(&directory));
        let mut scheduler = Scheduler::new(settings.limits.clone(), now());
        scheduler.transport(RETRY, settings.transport_limits(RETRY));
        let (mut fresh, mut sites, mut to_requeue) =
            (HashMap::default(), Sites::default(), Vec::new());
        let mut shelves = Shelves {
            scheduler: &mut scheduler,
            fresh: &mut fresh,
            sites: &mut sites,
            to_requeue: &mut to_requeue,
            settings: &settings,
        };
        // One message after the other: there may be millions.
        let damaged = books
            .scan(&directory, &mut memory, |entry, envelope| shelves.put(entry, envelope))
            .map_err(say)?;
        drop(memory);
        if damaged > 0 {
            log.warning(format_args!("{damaged} damaged queue records were left out"));
        }
        let writer = Writer::open(&directory).map_err(say)?;
        let cleanup = cleanup.with(writer.clone(), None);
        let (events, inbox) = mpsc::channel(1024);
        let (verifier, probed) = Verifier::new(verify, cleanup.clone());
        tokio::spawn(take_probes(probed, events.clone()));
        let reports = Reports::start(reports, cleanup.clone(), events.clone());
        let agent_log = log_of(&log, "error");
        Ok(Self {
            settings,
            log,
            agent_log,
            rewrite,
            cleanup,
            bounce,
            verifier,
            reports,
            ahead: 0,
            probes: 0,
            scheduler,
            books,
            sites,
            reader,
            writer,
            fresh,
            work: HashMap::default(),
            agents: HashMap::default(),
            intakes: HashMap::new(),
            scanning: HashMap::new(),
            rounds: 0,
            to_requeue,
            tasks: 0,
            events,
            inbox: Some(inbox),
        })
    }

    /// Where tasks report to.
    pub(super) fn events(&self) -> mpsc::Sender<Event> {
        self.events.clone()
    }

    /// What showq reads from.
    pub(super) fn storage(&self) -> (Arc<Reader>, PathBuf) {
        (self.reader.clone(), self.settings.queue_directory.clone())
    }

    /// Owns the queue until master says drain and the deliveries in flight are over.
    pub(super) async fn run(mut self, mut life: Life, mut reloads: Reloads) {
        let Some(mut inbox) = self.inbox.take() else { return };
        let mut notices = self.writer.notices();
        let mut batch = Vec::with_capacity(BATCH);
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        housekeeping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut farewell = None;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let keeping = tokio::spawn(self.verifier.clone().keep(async {
            let _ = stopped.await;
        }));
        for (key, location) in std::mem::take(&mut self.to_requeue) {
            self.requeue(key, location);
        }
        loop {
            self.act();
            if farewell.is_some() && self.scheduler.in_flight() == 0 && self.tasks == 0 {
                break;
            }
            let pause = Duration::from_micros(self.scheduler.wakeup().0.saturating_sub(now().0));
            tokio::select! {
                biased;
                () = life.drained(), if farewell.is_none() => {
                    self.scheduler.stop();
                    farewell = Some(tokio::time::Instant::now() + FAREWELL);
                }
                () = tokio::time::sleep_until(farewell.unwrap_or_else(tokio::time::Instant::now)),
                    if farewell.is_some() => break,
                n = inbox.recv_many(&mut batch, BATCH) => {
                    if n == 0 {
                        break;
                    }
                    for event in batch.drain(..) {
                        self.event(event).await;
                    }
                }
                Some(notice) = hear(&mut notices) => self.own_notice(notice),
                Some(sources) = reloads.recv() => self.reload(&sources),
                _ = housekeeping.tick() => self.housekeeping(),
                () = tokio::time::sleep(pause) => self.scheduler.tick(now()),
            }
        }
        drop(stop);
        let _ = keeping.await;
        self.reports.finish().await;
        let _ = self.books.log().sync().await;
    }

    /// Does what the scheduler wants done.
    fn act(&mut self) {
        while let Some(action) = self.scheduler.action() {
            match action {
                Action::Open(key) => self.open_message(key),
                Action::More(key, count) => self.next_batch(key, count),
                Action::Deliver(delivery) => self.deliver(&delivery),
                Action::Unanswered(key, recipients) => {
                    for index in recipients {
                        let outcome =
                            Outcome::own(Status::new(4, 3, 0), "unknown mail transport error");
                        self.settle(key, index, outcome, NONE);
                    }
                }
                Action::Tried(key) => {
                    if let Some(work) = self.work.get_mut(&key) {
                        work.tried = true;
                    }
                    self.decide(key);
                }
            }
        }
    }

    async fn event(&mut self, event: Event) {
        match event {
            Event::Intake { writer, recycle } => self.intake(writer, recycle),
            Event::FromIntake { writer, frames } => {
                for frame in frames {
                    match frame {
                        ToQueue::Stored { location, envelope } => self.stored(location, envelope),
                        ToQueue::SegmentFull(full) => self.books.full(writer, full),
                        ToQueue::Hello { .. } => {}
                    }
                }
            }
            Event::IntakeLost { writer } => {
                self.intakes.remove(&writer);
                self.rescan(writer);
            }
            Event::Agent { reports } => reports.into_iter().for_each(|report| self.report(report)),
            Event::AgentUnavailable { transport, why, requests } => {
                self.unavailable(&transport, &why, requests);
            }
            Event::AgentLost { transport, lost } => self.lost(&transport, lost),
            Event::AgentSilent { transport, lost } => self.silent(&transport, lost),
            Event::Scanned { found, was_full } => self.scanned(found, was_full),
            Event::ScanEnded { writer, failed } => {
                self.tasks -= 1;
                self.scan_ended(writer, failed.as_ref());
            }
            Event::Resolved { message, resolved } => {
                self.tasks -= 1;
                self.resolved(message, resolved);
            }
            Event::Noticed { message, noticed } => {
                self.tasks -= 1;
                self.noticed(message, noticed);
            }
            Event::Forwarded { message, recipient, stored, failed } => {
                self.tasks -= 1;
                self.forwarded(message, recipient, stored, failed);
            }
            Event::Requeued { message, stored } => {
                self.tasks -= 1;
                self.requeued(message, stored);
            }
            Event::Control { request, trusted, answer } => {
                let reply = self.request(request, trusted).await;
                let _ = answer.send(reply);
            }
            Event::List { queue, after, answer } => {
                let _ = answer.send(self.list(queue, after));
            }
            Event::Synced { free, result } => {
                self.tasks -= 1;
                self.synced(free, &result);
            }
            Event::Probe { stored: (location, envelope) } => self.stored(location, envelope),
            Event::Moved { moves } => {
                self.tasks -= 1;
                self.moved(&moves);
            }
        }
    }
}

/// Tells the owner of the queue about address probes, and other mail of our own.
pub(super) async fn take_probes(
    mut probed: mpsc::UnboundedReceiver<(Location, Box<Envelope>)>,
    events: mpsc::Sender<Event>,
) {
    while let Some(stored) = probed.recv().await {
        if events.send(Event::Probe { stored }).await.is_err() {
            return;
        }
    }
}

/// The next notice of qmgr's own writer; never, if there are none.
async fn hear(notices: &mut Option<mpsc::UnboundedReceiver<Notice>>) -> Option<Notice> {
    match notices {
        Some(notices) => notices.recv().await,
        None => std::future::pending().await,
    }
}
