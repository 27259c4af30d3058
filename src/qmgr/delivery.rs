//! Deliveries: to the agents, and what they report.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::ending::tell_verifier;
use super::event::Event;
use super::forward::Copier;
use super::queue::{Queue, now};
use super::scheduler::{Delivery, Key};
use super::settings::BuiltIn;
use super::work::{NONE, Next};
use super::{agents, built_in, log_of};
use crate::bounce::Item;
use crate::ipc::delivery::{Expanded, Failure, Forward, FromAgent, Request};
use crate::mail::envelope::Envelope;
use crate::mail::outcome::{Action as Fate, Outcome};
use crate::mail::status::Status;
use crate::spool::Location;

/// `relay=` of local(8).
const LOCAL: &str = "local";

impl Queue {
    pub(super) fn deliver(&mut self, delivery: &Delivery) {
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
    pub(super) fn is_last_attempt(&self, key: Key) -> bool {
        self.scheduler.entry(key).is_some_and(|entry| {
            let lifetime = self.settings.lifetime(entry.marks.null_sender).as_secs();
            now().seconds() >= entry.created.seconds().saturating_add(lifetime)
        })
    }

    pub(super) fn deliver_here(&mut self, agent: BuiltIn, request: &Request) {
        let log = log_of(&self.agent_log, agent.program());
        let outcome = built_in::deliver(agent, request, &self.settings, &log, now());
        for to in &request.recipients {
            if let Some(key) = self.scheduler.reported(request.number, to.index) {
                self.settle(key, to.index, outcome.clone(), NONE);
            }
        }
        self.scheduler.finished(request.number, None, now());
    }

    pub(super) fn send(&mut self, transport: &Arc<str>, request: Request) {
        let agent = self.agents.entry(transport.clone()).or_insert_with(|| {
            let (sender, requests) = mpsc::unbounded_channel();
            let link = agents::Link {
                transport: transport.to_string(),
                socket: self.settings.queue_directory.join("private").join(&**transport),
                requests,
                events: self.events.clone(),
                patience: self.settings.agent_patience,
            };
            tokio::spawn(link.run());
            sender
        });
        // The task lives as long as this sender.
        let _ = agent.send(request);
    }

    pub(super) fn report(&mut self, report: FromAgent) {
        match report {
            FromAgent::Recipient { number, index, outcome, relay, forwards } => {
                let Some(key) = self.scheduler.reported(number, index) else { return };
                if forwards.is_empty() {
                    self.settle(key, index, *outcome, &relay);
                } else {
                    if let Some(work) = self.work.get_mut(&key) {
                        work.enter(index, *outcome, &relay);
                    }
                    self.forward(key, index, forwards);
                }
            }
            FromAgent::Expanded(expanded) => self.expanded(*expanded),
            FromAgent::Done { number, destination_failed } => {
                self.scheduler.finished(number, destination_failed.as_ref(), now());
            }
            // Its link has taken care of it.
            FromAgent::Handshake(handshake) => self.reports.count(*handshake),
            FromAgent::Leaving => {}
        }
    }

    /// What became of a recipient that stood for others (aliases, .forward).
    pub(super) fn expanded(&mut self, expanded: Expanded) {
        let Expanded { number, index, parts, forwards, retry } = expanded;
        let Some(key) = self.scheduler.reported(number, index) else { return };
        let Some(work) = self.work.get_mut(&key) else { return };
        if work.envelope.trace.verify {
            for part in &parts {
                tell_verifier(&self.verifier, &part.original, &part.address, &part.outcome);
            }
            self.done(key, index);
            return;
        }
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
                _ => match work.enter_item(index, item, LOCAL) {
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
                self.settle(key, index, outcome, NONE);
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
    pub(super) fn tell_owner(&mut self, key: Key, owner: String, item: Item) {
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

    pub(super) fn forward(&mut self, key: Key, index: u32, forwards: Vec<Forward>) {
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

    pub(super) fn forwarded(
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
                self.settle(key, index, outcome, NONE);
            }
            None if !fate_open => self.done(key, index),
            None => {}
        }
        if tried {
            self.decide(key);
        }
    }

    pub(super) fn unavailable(&mut self, transport: &str, why: &str, requests: Vec<Request>) {
        self.log.warning(format_args!("connect to transport private/{transport}: {why}"));
        self.scheduler.unavailable(transport, now());
        for mut request in requests {
            request.nexthop = "4.3.0 mail transport unavailable".into();
            self.deliver_here(BuiltIn::Retry, &request);
        }
    }

    pub(super) fn lost(&mut self, transport: &str, lost: HashSet<u64>) {
        if lost.is_empty() {
            return;
        }
        self.log.warning(format_args!("private/{transport} socket: premature disconnect"));
        self.give_up(lost);
    }

    /// The agent is there, but says nothing about these requests.
    pub(super) fn silent(&mut self, transport: &str, lost: HashSet<u64>) {
        self.log.warning(format_args!(
            "private/{transport} socket: no answer within {} seconds (daemon_timeout)",
            self.settings.agent_patience.as_secs()
        ));
        self.give_up(lost);
    }

    fn give_up(&mut self, lost: HashSet<u64>) {
        let failure =
            Failure { status: Status::new(4, 3, 0), text: "unknown mail transport error".into() };
        let mut lost: Vec<u64> = lost.into_iter().collect();
        lost.sort_unstable();
        for number in lost {
            self.scheduler.finished(number, Some(&failure), now());
        }
    }
}
