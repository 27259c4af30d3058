//! The owner of the queue: the loop, and the way of a message from its arrival to its end.

use std::collections::HashMap;
use std::future::Future as _;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::mpsc;

use super::books::{Books, Memory, new_entry};
use super::event::Event;
use super::forward::Copier;
use super::notices::{Late, Noticed, Notices};
use super::resolve::{Attempt, Resolved, resolve};
use super::scheduler::{Action, Delivery, Entry, Key, Queue as Place, RETRY, Scheduler};
use super::settings::{BuiltIn, Settings};
use super::sites::Sites;
use super::work::{Next, Work, reasons};
use super::{Parts, agents, built_in, log_of};
use crate::bounce::{Bounce, Item};
use crate::cleanup::Cleanup;
use crate::config::master_cf::ServiceLine;
use crate::ipc::delivery::{Expanded, Failure, Forward, FromAgent, Request};
use crate::ipc::queue::{FromQueue, ToQueue};
use crate::log::Log;
use crate::mail::address::quote;
use crate::mail::envelope::{Envelope, Timestamp};
use crate::mail::outcome::{Action as Fate, Outcome};
use crate::mail::status::Status;
use crate::rewrite::Rewrite;
use crate::service::birth::{Life, Reloads};
use crate::spool::{Location, Notice, Reader, Segment, Writer};

/// Events that are taken at once.
const BATCH: usize = 256;

/// Envelopes of messages that wait for a place among the active ones; beyond that they are read
/// back when their turn comes.
const KEPT_ENVELOPES: usize = 20_000;

/// How often free segments are looked for, and the log's growth.
const HOUSEKEEPING: Duration = Duration::from_millis(250);

/// How long deliveries in flight are waited for when qmgr ends.
const FAREWELL: Duration = Duration::from_secs(20);

/// The owner.
pub(super) struct Queue {
    pub(super) settings: Arc<Settings>,
    pub(super) log: Log,
    agent_log: Log,
    pub(super) lines: Vec<ServiceLine>,
    rewrite: Arc<Rewrite>,
    cleanup: Arc<Cleanup>,
    bounce: Arc<Bounce>,
    pub(super) scheduler: Scheduler,
    pub(super) books: Books,
    pub(super) sites: Sites,
    pub(super) reader: Arc<Reader>,
    writer: Arc<Writer>,
    /// Envelopes of incoming messages.
    fresh: HashMap<Key, Box<Envelope>, foldhash::fast::RandomState>,
    /// Active messages.
    pub(super) work: HashMap<Key, Work, foldhash::fast::RandomState>,
    agents: HashMap<Arc<str>, mpsc::UnboundedSender<Request>, foldhash::fast::RandomState>,
    intakes: HashMap<u32, mpsc::UnboundedSender<FromQueue>>,
    /// Messages that were marked for it while qmgr was down.
    to_requeue: Vec<(Key, Location)>,
    /// Tasks under way whose end is an event.
    pub(super) tasks: usize,
    events: mpsc::Sender<Event>,
    inbox: Option<mpsc::Receiver<Event>>,
}

/// The time.
pub(super) fn now() -> Timestamp {
    Timestamp(crate::sys::now())
}

impl Queue {
    /// Opens spool and state log, and finds all mail again.
    pub(super) fn open(parts: Parts, lines: Vec<ServiceLine>, log: Log) -> Result<Self, String> {
        let Parts { config: _, cleanup_config, tables, rewrite, bounce, settings } = parts;
        let directory = settings.queue_directory.clone();
        let say = |error: crate::spool::SpoolError| error.to_string();
        let (mut books, mut memory) = Books::open(&directory).map_err(say)?;
        let reader = Arc::new(Reader::new(&directory));
        let mut scheduler = Scheduler::new(settings.limits.clone(), now());
        scheduler.transport(RETRY, settings.transport_limits(RETRY));
        let mut found = Vec::new();
        let each = |entry, envelope| found.push((entry, envelope));
        let damaged = books.scan(&directory, None, &mut memory, each).map_err(say)?;
        if damaged > 0 {
            log.warning(format_args!("{damaged} damaged queue records were left out"));
        }
        let writer = Writer::open(&directory).map_err(say)?;
        let cleanup = Cleanup::new(&cleanup_config, &tables, rewrite.clone(), writer.clone(), None)
            .map_err(|problem| problem.text)?;
        let (events, inbox) = mpsc::channel(1024);
        let agent_log = log_of(&log, "error");
        let mut queue = Self {
            settings,
            log,
            agent_log,
            lines,
            rewrite,
            cleanup,
            bounce,
            scheduler,
            books,
            sites: Sites::default(),
            reader,
            writer,
            fresh: HashMap::default(),
            work: HashMap::default(),
            agents: HashMap::default(),
            intakes: HashMap::new(),
            to_requeue: Vec::new(),
            tasks: 0,
            events,
            inbox: Some(inbox),
        };
        queue.take_in(found);
        Ok(queue)
    }

    fn take_in(&mut self, found: Vec<(Entry, Box<Envelope>)>) {
        for (entry, envelope) in found {
            let keep = entry.queue == Place::Incoming && self.fresh.len() < KEPT_ENVELOPES;
            let (requeue, location) = (entry.marks.requeue, entry.location);
            let key = self.scheduler.add(entry, now());
            if keep {
                self.fresh.insert(key, envelope);
            }
            if requeue {
                self.to_requeue.push((key, location));
            }
        }
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
        let _ = self.books.log().sync().await;
    }

    /// Does what the scheduler wants done.
    fn act(&mut self) {
        while let Some(action) = self.scheduler.action() {
            match action {
                Action::Open(key) => self.open_message(key),
                Action::Deliver(delivery) => self.deliver(&delivery),
                Action::Unanswered(key, recipients) => {
                    for index in recipients {
                        let outcome =
                            Outcome::own(Status::new(4, 3, 0), "unknown mail transport error");
                        self.settle(key, index, outcome);
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
                self.synced(&free, result.is_ok());
            }
            Event::Moved { moves } => {
                self.tasks -= 1;
                self.moved(&moves);
            }
        }
    }

    // ---- arrival

    fn intake(&mut self, writer: u32, recycle: mpsc::UnboundedSender<FromQueue>) {
        for Segment { segment, generation, .. } in self.books.freed_of(writer) {
            let _ = recycle.send(FromQueue::Recycle { segment, generation });
        }
        self.intakes.insert(writer, recycle);
        self.rescan(writer);
    }

    /// Finds the messages of a writer that qmgr has not heard of.
    fn rescan(&mut self, writer: u32) {
        let mut found = Vec::new();
        let directory = self.settings.queue_directory.clone();
        let mut memory = Memory::default();
        let each = |entry, envelope| found.push((entry, envelope));
        if let Err(error) = self.books.scan(&directory, Some(writer), &mut memory, each) {
            self.log.warning(format_args!("{error}"));
        }
        self.take_in(found);
    }

    pub(super) fn stored(&mut self, location: Location, envelope: Box<Envelope>) {
        if self.books.stored(location) {
            let entry = new_entry(location, &envelope);
            self.take_in(vec![(entry, envelope)]);
        }
    }

    fn own_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Full(full) => self.books.full(self.writer.id(), full),
            Notice::Orphan(location, envelope) => self.stored(location, envelope),
        }
    }

    // ---- a message becomes active

    fn open_message(&mut self, key: Key) {
        let Some(entry) = self.scheduler.entry(key) else { return };
        let (id, location) = (entry.id, entry.location);
        let envelope = match self.fresh.remove(&key) {
            Some(envelope) => envelope,
            None => match self.reader.open(location) {
                Ok(stored) => Box::new(stored.envelope),
                Err(error) => {
                    self.log.warning(format_args!("{id}: {error}: placed on hold"));
                    self.books.held(location, true);
                    self.scheduler.hold_back(key);
                    return;
                }
            },
        };
        let from = self.logged(&envelope.sender);
        let (size, nrcpt) = (envelope.size, envelope.recipients.len());
        self.log
            .info(format_args!("{id}: from=<{from}>, size={size}, nrcpt={nrcpt} (queue active)"));
        let count = u32::try_from(nrcpt).unwrap_or(u32::MAX);
        let unread = (0..count).rev().filter(|index| !entry.done.has(*index)).collect();
        let marks = entry.marks;
        let known = entry.reasons.as_deref().map(reasons).unwrap_or_default();
        let mut work = Work {
            id,
            location,
            envelope: Arc::from(envelope),
            activated: now(),
            unread,
            rewritten: Vec::new(),
            failed: Vec::new(),
            delayed: Vec::new(),
            traced: Vec::new(),
            forwarding: 0,
            tried: false,
            report_cleared: self.settings.confirm_delay_cleared && marks.warned,
        };
        let known: Vec<_> = known.into_iter().filter(|(i, _)| !entry.done.has(*i)).collect();
        if marks.force_expire && !known.is_empty() {
            // Its defer log says why it is returned; nothing is tried any more.
            work.unread.clear();
            work.recall(known);
        }
        self.work.insert(key, work);
        self.next_batch(key);
    }

    fn logged<'a>(&self, address: &'a str) -> std::borrow::Cow<'a, str> {
        let quoted = self.settings.quote_logged && !address.is_empty();
        if quoted { quote(address) } else { address.into() }
    }

    /// Resolves the next recipients of an active message.
    fn next_batch(&mut self, key: Key) {
        let Some(entry) = self.scheduler.entry(key) else { return };
        let marks = entry.marks;
        let Some(work) = self.work.get_mut(&key) else { return };
        work.tried = false;
        if work.unread.is_empty() {
            self.scheduler.assign(key, Vec::new(), now());
            return;
        }
        let limit = self.settings.limits.active_recipients.max(1);
        let rest = work.unread.len().saturating_sub(limit);
        let recipients = work.unread.split_off(rest);
        let attempt =
            Attempt { flushed: marks.flush || marks.flush_all, expired: marks.force_expire };
        let resolving = resolve(
            self.settings.clone(),
            self.rewrite.clone(),
            work.envelope.clone(),
            recipients,
            attempt,
        );
        let mut resolving: Pin<Box<dyn Future<Output = Resolved> + Send>> = Box::pin(resolving);
        // Most answers are there at once: tables in memory need no waiting, and no task.
        let mut context = Context::from_waker(Waker::noop());
        match resolving.as_mut().poll(&mut context) {
            Poll::Ready(resolved) => self.resolved(key, resolved),
            Poll::Pending => {
                let events = self.events.clone();
                self.tasks += 1;
                tokio::spawn(async move {
                    let resolved = resolving.await;
                    let _ = events.send(Event::Resolved { message: key, resolved }).await;
                });
            }
        }
    }

    fn resolved(&mut self, key: Key, resolved: Resolved) {
        let Resolved { assignments, mut rewritten, dropped, skipped: _ } = resolved;
        if let Some(work) = self.work.get_mut(&key) {
            work.rewritten.append(&mut rewritten);
            work.rewritten.sort_by_key(|(index, _)| *index);
        }
        for index in dropped {
            self.drop_double_bounce(key, index);
        }
        for assignment in &assignments {
            if !self.scheduler.knows(&assignment.transport) {
                let limits = self.settings.transport_limits(&assignment.transport);
                self.scheduler.transport(&assignment.transport, limits);
            }
        }
        self.scheduler.assign(key, assignments, now());
    }

    /// Mail for the double-bounce address ends here: nobody hears of a lost notice to the
    /// postmaster.
    fn drop_double_bounce(&mut self, key: Key, index: u32) {
        let Some(work) = self.work.get(&key) else { return };
        let request = work.request(
            0,
            "2.0.0 undeliverable postmaster notification discarded",
            &[index],
            false,
            false,
        );
        let outcome =
            built_in::deliver(BuiltIn::Discard, &request, &self.settings, &self.log, now());
        self.settle(key, index, outcome);
    }

    // ---- deliveries

    fn deliver(&mut self, delivery: &Delivery) {
        let Delivery { number, message, transport, nexthop, recipients, reuse } = delivery;
        let Some(work) = self.work.get(message) else {
            self.scheduler.finished(*number, None, now());
            return;
        };
        let last = self.is_last_attempt(*message);
        let request = work.request(*number, nexthop, recipients, *reuse, last);
        match self.settings.built_in(transport) {
            Some(agent) => self.deliver_here(agent, &request),
            None => self.send(transport, request),
        }
    }

    /// Whether what waits after this attempt is returned.
    fn is_last_attempt(&self, key: Key) -> bool {
        self.scheduler.entry(key).is_some_and(|entry| {
            let lifetime = self.settings.lifetime(entry.marks.null_sender).as_secs();
            now().seconds() >= entry.created.seconds().saturating_add(lifetime)
        })
    }

    fn deliver_here(&mut self, agent: BuiltIn, request: &Request) {
        let log = log_of(&self.agent_log, agent.program());
        let outcome = built_in::deliver(agent, request, &self.settings, &log, now());
        for to in &request.recipients {
            if let Some(key) = self.scheduler.reported(request.number, to.index) {
                self.settle(key, to.index, outcome.clone());
            }
        }
        self.scheduler.finished(request.number, None, now());
    }

    fn send(&mut self, transport: &Arc<str>, request: Request) {
        let agent = self.agents.entry(transport.clone()).or_insert_with(|| {
            let (sender, requests) = mpsc::unbounded_channel();
            let link = agents::Link {
                transport: transport.to_string(),
                socket: self.settings.queue_directory.join("private").join(&**transport),
                requests,
                events: self.events.clone(),
            };
            tokio::spawn(link.run());
            sender
        });
        // The task lives as long as this sender.
        let _ = agent.send(request);
    }

    fn report(&mut self, report: FromAgent) {
        match report {
            FromAgent::Recipient { number, index, outcome, forwards } => {
                let Some(key) = self.scheduler.reported(number, index) else { return };
                if forwards.is_empty() {
                    self.settle(key, index, *outcome);
                } else {
                    if let Some(work) = self.work.get_mut(&key) {
                        work.enter(index, *outcome);
                    }
                    self.forward(key, index, forwards);
                }
            }
            FromAgent::Expanded(expanded) => self.expanded(*expanded),
            FromAgent::Done { number, destination_failed } => {
                self.scheduler.finished(number, destination_failed.as_ref(), now());
            }
        }
    }

    /// What became of a recipient that stood for others (aliases, .forward).
    fn expanded(&mut self, expanded: Expanded) {
        let Expanded { number, index, parts, forwards, retry } = expanded;
        let Some(key) = self.scheduler.reported(number, index) else { return };
        let Some(work) = self.work.get_mut(&key) else { return };
        let mut owners = Vec::new();
        let mut next = Next::Done;
        for part in parts {
            let item = Item {
                address: part.address,
                original: part.original,
                dsn_orcpt: part.dsn_orcpt,
                notify: part.notify,
                outcome: part.outcome,
            };
            match part.owner {
                Some(owner) if item.outcome.action == Fate::Bounced => owners.push((owner, item)),
                _ => match work.enter_item(index, item) {
                    Next::Wait => next = Next::Wait,
                    Next::Notice if next == Next::Done => next = Next::Notice,
                    _ => {}
                },
            }
        }
        for (owner, item) in owners {
            self.tell_owner(key, owner, item);
        }
        if retry {
            let waits =
                self.work.get(&key).is_some_and(|w| w.delayed.iter().any(|(i, _)| *i == index));
            if !waits {
                let outcome = Outcome::own(Status::new(4, 3, 0), "temporary failure");
                self.settle(key, index, outcome);
            }
            // It is tried again as a whole: nothing of it is final yet.
            if let Some(work) = self.work.get_mut(&key) {
                work.failed.retain(|(i, _)| *i != index);
            }
            return;
        }
        if forwards.is_empty() {
            if next == Next::Done {
                self.done(key, index);
            }
        } else {
            self.forward(key, index, forwards);
        }
    }

    /// Reports a failure to the owner of an alias, at once and alone.
    fn tell_owner(&mut self, key: Key, owner: String, item: Item) {
        let Some(work) = self.work.get_mut(&key) else { return };
        work.forwarding += 1;
        let (id, location, envelope) = (work.id, work.location, work.envelope.clone());
        let (bounce, cleanup) = (self.bounce.clone(), self.cleanup.clone());
        let (reader, events) = (self.reader.clone(), self.events.clone());
        self.tasks += 1;
        tokio::spawn(async move {
            let content = reader.content(location).ok();
            let subject = crate::bounce::Subject {
                queue_id: id,
                envelope: &envelope,
                content: content.as_ref(),
                message_id: None,
            };
            let items = [item];
            let posted = bounce.failure_to(&cleanup, &subject, &items, &owner).await;
            let event = Event::Forwarded {
                message: key,
                recipient: u32::MAX,
                stored: posted.messages,
                failed: None,
            };
            let _ = events.send(event).await;
        });
    }

    fn forward(&mut self, key: Key, index: u32, forwards: Vec<Forward>) {
        let copier = self.copier("local");
        let Some(work) = self.work.get_mut(&key) else { return };
        work.forwarding += 1;
        let (location, envelope) = (work.location, work.envelope.clone());
        let events = self.events.clone();
        self.tasks += 1;
        tokio::spawn(async move {
            let (stored, failed) = match copier.forward(location, &envelope, forwards).await {
                Ok(stored) => (stored, None),
                Err((stored, why)) => (stored, Some(why)),
            };
            let event = Event::Forwarded { message: key, recipient: index, stored, failed };
            let _ = events.send(event).await;
        });
    }

    /// What copies messages.
    pub(super) fn copier(&self, program: &str) -> Copier {
        Copier {
            cleanup: self.cleanup.clone(),
            reader: self.reader.clone(),
            settings: self.settings.clone(),
            log: log_of(&self.log, program),
        }
    }

    fn forwarded(
        &mut self,
        key: Key,
        index: u32,
        stored: Vec<(Location, Box<Envelope>)>,
        failed: Option<String>,
    ) {
        for (location, envelope) in stored {
            self.stored(location, envelope);
        }
        let Some(work) = self.work.get_mut(&key) else { return };
        work.forwarding = work.forwarding.saturating_sub(1);
        let tried = work.tried;
        let fate_open = work.failed.iter().chain(&work.delayed).any(|(i, _)| *i == index);
        match failed {
            Some(why) => {
                self.log.warning(format_args!("forward: {why}"));
                let outcome =
                    Outcome::own(Status::new(4, 3, 0), format!("unable to forward mail: {why}"));
                self.settle(key, index, outcome);
            }
            None if !fate_open => self.done(key, index),
            None => {}
        }
        if tried {
            self.decide(key);
        }
    }

    fn unavailable(&mut self, transport: &str, why: &str, requests: Vec<Request>) {
        self.log.warning(format_args!("connect to transport private/{transport}: {why}"));
        self.scheduler.unavailable(transport, now());
        for mut request in requests {
            request.nexthop = "4.3.0 mail transport unavailable".into();
            self.deliver_here(BuiltIn::Retry, &request);
        }
    }

    fn lost(&mut self, transport: &str, lost: std::collections::HashSet<u64>) {
        if lost.is_empty() {
            return;
        }
        self.log.warning(format_args!("private/{transport} socket: premature disconnect"));
        let failure =
            Failure { status: Status::new(4, 3, 0), text: "unknown mail transport error".into() };
        let mut lost: Vec<u64> = lost.into_iter().collect();
        lost.sort_unstable();
        for number in lost {
            self.scheduler.finished(number, Some(&failure), now());
        }
    }

    // ---- outcomes

    /// Enters what became of one recipient.
    fn settle(&mut self, key: Key, index: u32, outcome: Outcome) {
        let Some(work) = self.work.get_mut(&key) else { return };
        if work.enter(index, outcome) == Next::Done {
            self.done(key, index);
        }
    }

    /// A recipient needs nothing more. That of a message with one recipient goes with the
    /// message, and is not written down by itself.
    fn done(&mut self, key: Key, index: u32) {
        let Some(entry) = self.scheduler.entry_mut(key) else { return };
        if entry.done.has(index) {
            return;
        }
        entry.done.set(index);
        let location = entry.location;
        if self.work.get(&key).is_some_and(|work| work.envelope.recipients.len() > 1) {
            self.books.done(location, vec![index]);
        }
    }

    /// All assigned recipients have been tried: more of them, notices, or the end.
    fn decide(&mut self, key: Key) {
        let Some(entry) = self.scheduler.entry(key) else { return };
        let (marks, created) = (entry.marks, entry.created);
        let Some(work) = self.work.get_mut(&key) else { return };
        if work.forwarding > 0 {
            return;
        }
        if marks.deleted {
            self.forget(key);
            return;
        }
        if !work.unread.is_empty() && !marks.hold {
            self.next_batch(key);
            return;
        }
        let seconds = now().seconds();
        let lifetime = self.settings.lifetime(marks.null_sender).as_secs();
        let over = seconds >= created.seconds().saturating_add(lifetime);
        let warning = self.settings.delay_warning.as_secs();
        let late = if work.delayed.is_empty() {
            Late::Wait
        } else if marks.force_expire || over {
            let status = if marks.force_expire { "force-expired" } else { "expired" };
            let (id, sender) = (work.id, work.envelope.sender.clone());
            let from = self.logged(&sender);
            self.log.info(format_args!("{id}: from=<{from}>, status={status}, returned to sender"));
            Late::Expired
        } else if warning > 0
            && !marks.warned
            && seconds + 1 >= created.seconds().saturating_add(warning)
        {
            Late::Warn
        } else {
            Late::Wait
        };
        self.tell(key, late);
    }

    /// Makes the notices that are due, or goes on without any.
    fn tell(&mut self, key: Key, late: Late) {
        let Some(work) = self.work.get_mut(&key) else { return };
        if work.failed.is_empty() && work.traced.is_empty() && late == Late::Wait {
            self.conclude(key);
            return;
        }
        let items = |fates: &[(u32, Item)]| fates.iter().map(|(_, item)| item.clone()).collect();
        let notices = Notices {
            bounce: self.bounce.clone(),
            cleanup: self.cleanup.clone(),
            reader: self.reader.clone(),
            id: work.id,
            location: work.location,
            envelope: work.envelope.clone(),
            failed: items(&work.failed),
            traced: std::mem::take(&mut work.traced),
            delayed: if late == Late::Wait { Vec::new() } else { items(&work.delayed) },
            late,
            verp: !self.settings.no_verp_bounces,
        };
        let events = self.events.clone();
        self.tasks += 1;
        tokio::spawn(async move {
            let noticed = notices.make().await;
            let _ = events.send(Event::Noticed { message: key, noticed }).await;
        });
    }

    /// The notices are on disk: what they report is done.
    fn noticed(&mut self, key: Key, noticed: Noticed) {
        for (location, envelope) in noticed.stored {
            self.stored(location, envelope);
        }
        let Some(work) = self.work.get_mut(&key) else { return };
        let failed = std::mem::take(&mut work.failed);
        let mut done = Vec::new();
        if noticed.failed {
            done.extend(failed.iter().map(|(index, _)| *index));
        } else {
            let status = Status::new(4, 3, 0);
            work.delayed.extend(failed.into_iter().map(|(index, item)| {
                let outcome = Outcome::own(status, "bounce or trace service failure");
                (index, Item { outcome, ..item })
            }));
        }
        if noticed.expired {
            done.extend(std::mem::take(&mut work.delayed).iter().map(|(index, _)| *index));
        }
        for index in done {
            self.done(key, index);
        }
        if noticed.warned
            && let Some(entry) = self.scheduler.entry_mut(key)
        {
            entry.marks.warned = true;
            let (location, marks) = (entry.location, entry.marks);
            self.books.marked(location, marks);
        }
        self.conclude(key);
    }

    /// The attempt is over: the message goes, or waits.
    fn conclude(&mut self, key: Key) {
        let Some(entry) = self.scheduler.entry(key) else { return };
        let (marks, created, location) = (entry.marks, entry.created, entry.location);
        if marks.deleted {
            self.forget(key);
            return;
        }
        let Some(work) = self.work.get(&key) else { return };
        let count = u32::try_from(work.envelope.recipients.len()).unwrap_or(u32::MAX);
        let open = |entry: &Entry| (0..count).any(|index| !entry.done.has(index));
        let held = marks.hold && open(entry);
        if work.delayed.is_empty() && !held {
            self.log.info(format_args!("{}: removed", work.id));
            self.books.removed(location);
            self.forget(key);
            return;
        }
        let reasons = work.reasons();
        let next = self.scheduler.backoff(created, now());
        self.books.deferred(location, next, reasons.as_deref());
        let work = self.work.remove(&key);
        if let Some(entry) = self.scheduler.entry_mut(key) {
            entry.reasons = reasons;
        }
        if held {
            self.books.held(location, true);
            self.scheduler.hold_back(key);
        } else {
            self.scheduler.defer(key, next);
        }
        if let Some(work) = work {
            let waiting = work.delayed.iter().map(|(index, _)| *index);
            // Matching the lists of a parameter waits only for tables that are slow.
            let adding = self.sites.add(&self.settings.fast_flush, key, &work.envelope, waiting);
            let mut adding = std::pin::pin!(adding);
            let _ = adding.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// Drops all that is known of a message that is gone.
    pub(super) fn forget(&mut self, key: Key) {
        self.fresh.remove(&key);
        if let Some(work) = self.work.remove(&key) {
            self.sites.forget(key, &work.envelope);
        }
        if let Some(entry) = self.scheduler.remove(key)
            && entry.marks.apart
        {
            self.remove_content(entry.location);
        }
    }

    /// Content with a file of its own goes once the removal is on disk.
    pub(super) fn remove_content(&self, location: Location) {
        let (log, reader) = (self.books.log(), self.reader.clone());
        tokio::spawn(async move {
            if log.sync().await.is_ok() {
                let _ = reader.remove_content(location);
            }
        });
    }

    // ---- housekeeping

    fn housekeeping(&mut self) {
        self.books.compact(self.scheduler.entries().map(|(_, entry)| entry));
        for writer in self.books.puzzling() {
            if !self.intakes.contains_key(&writer) {
                self.rescan(writer);
            }
        }
        let free = self.books.freeable();
        if !free.is_empty() {
            let (log, events) = (self.books.log(), self.events.clone());
            self.tasks += 1;
            tokio::spawn(async move {
                let result = log.sync().await;
                let _ = events.send(Event::Synced { free, result }).await;
            });
        }
    }

    fn synced(&mut self, free: &[Segment], on_disk: bool) {
        if !on_disk {
            self.log.warning(format_args!("state log: write error"));
        }
        self.books.freed(free);
        if !on_disk {
            return;
        }
        for Segment { writer, segment, generation } in free {
            if *writer == self.writer.id() {
                self.writer.recycle(*segment, *generation);
            } else if let Some(intake) = self.intakes.get(writer) {
                let (segment, generation) = (*segment, *generation);
                let _ = intake.send(FromQueue::Recycle { segment, generation });
            }
        }
    }

    fn moved(&mut self, moves: &[(Location, Location)]) {
        let _ = moves;
    }

    /// A new configuration. What does not parse leaves the old one in force.
    fn reload(&mut self, sources: &crate::config::Sources) {
        let _ = sources;
    }
}

/// The next notice of qmgr's own writer; never, if there are none.
async fn hear(notices: &mut Option<mpsc::UnboundedReceiver<Notice>>) -> Option<Notice> {
    match notices {
        Some(notices) => notices.recv().await,
        None => std::future::pending().await,
    }
}
