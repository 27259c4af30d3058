//! The delivery to one recipient of the envelope: what has been done already, what is to be
//! forwarded, what has been reported.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::Agent;
use super::attributes::{Attributes, Subject};
use super::settings::Settings;
use crate::ipc::delivery::{Forward, ForwardTo, Part, Request, To};
use crate::ipc::worker::{Done, Job, Refusal, Work};
use crate::log::Log;
use crate::mail::address::{fold, quote_822, split};
use crate::mail::envelope::{RewriteContext, Timestamp};
use crate::mail::outcome::{Action, Outcome, Success};
use crate::mail::status::Status;
use crate::service::agent::{Delays, Reporter};
use crate::service::worker::{Content, Identity};
use crate::sys::spawn::Rights;

/// How deep recipients may be nested.
pub(super) const DEPTH: u32 = 100;

/// What a step says: whether the recipient as a whole must be tried again.
pub(super) type Retry = bool;

/// The state of a delivery.
pub(super) struct Delivery {
    pub(super) agent: Arc<Agent>,
    pub(super) request: Arc<Request>,
    pub(super) log: Log,
    pub(super) content: Content,
    reporter: Reporter,
    started: Timestamp,
    index: u32,
    /// The `Delivered-To:` headers of the message, folded.
    loops: HashSet<String>,
    seen: HashSet<String>,
    pub(super) parts: Vec<Part>,
    pub(super) forwards: Vec<(String, Forward)>,
}

impl Delivery {
    pub(super) fn new(
        agent: Arc<Agent>,
        request: Arc<Request>,
        reporter: Reporter,
        log: Log,
        content: Content,
        delivered_to: &[String],
        started: Timestamp,
    ) -> Self {
        let loops = delivered_to.iter().map(|address| fold(address).into_owned()).collect();
        Self {
            agent,
            request,
            log,
            content,
            reporter,
            started,
            index: 0,
            loops,
            seen: HashSet::new(),
            parts: Vec::new(),
            forwards: Vec::new(),
        }
    }

    /// Delivers, and reports to qmgr.
    pub(super) async fn run(mut self, to: &To) {
        self.index = to.index;
        let attributes = Attributes {
            depth: 0,
            address: to.address.clone(),
            original: to.original.clone(),
            dsn_orcpt: to.dsn_orcpt.clone(),
            notify: to.notify,
            sender: self.request.sender.clone(),
            local: String::new(),
            domain: None,
            user: String::new(),
            extension: None,
            unmatched: None,
            owner: None,
            delivered: None,
            source: None,
            expanded_from: None,
        };
        let retry = self.recipient(attributes, Subject::default()).await;
        self.finish(to, retry);
    }

    fn finish(mut self, to: &To, retry: Retry) {
        let delays = Delays::until_now(self.started);
        let line = self.reporter.forward_line(&self.log, to, &self.agent.name, delays);
        let forwards: Vec<Forward> = self
            .forwards
            .drain(..)
            .filter(|_| !retry)
            .map(|(_, forward)| Forward { line: line.clone(), ..forward })
            .collect();
        // The usual case: the recipient has one outcome, and it is its own.
        let plain = forwards.is_empty()
            && matches!(self.parts.as_slice(), [part]
                if part.address == to.address
                    && part.owner.is_none()
                    && retry == (part.outcome.action == Action::Deferred));
        match self.parts.pop() {
            Some(part) if plain => self.reporter.logged(to.index, part.outcome, Vec::new()),
            last => {
                self.parts.extend(last);
                self.reporter.expanded(to.index, self.parts, forwards, retry);
            }
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.agent.settings
    }

    /// Whether this has been done before; from now on it has.
    pub(super) fn seen(&mut self, what: &str) -> bool {
        let what = fold(what);
        if self.seen.contains(&*what) {
            return true;
        }
        let limit = self.settings().duplicate_limit;
        if limit == 0 || self.seen.len() < limit {
            self.seen.insert(what.into_owned());
        }
        false
    }

    /// Whether this has been done before.
    pub(super) fn has_seen(&self, what: &str) -> bool {
        self.seen.contains(&*fold(what))
    }

    /// Whether the message has been delivered to this address before.
    pub(super) fn is_loop(&self, address: &str) -> bool {
        !self.loops.is_empty() && self.loops.contains(&*fold(&quote_822(address)))
    }

    /// Whether nothing is to be delivered: an address probe, or `sendmail -bv`.
    pub(super) fn is_trace(&self) -> bool {
        self.request.trace.verify || self.request.trace.expand_only
    }

    /// Logs and reports an outcome.
    pub(super) async fn report(&mut self, attributes: &Attributes, outcome: Outcome) -> Retry {
        self.report_to(attributes, outcome, None).await
    }

    /// The same; a failure goes to the `owner`, if there is one.
    async fn report_to(
        &mut self,
        attributes: &Attributes,
        outcome: Outcome,
        owner: Option<String>,
    ) -> Retry {
        let (log, name) = (self.log.clone(), self.agent.name.clone());
        let outcome = self.logged(attributes, &log, &name, outcome).await;
        let retry = outcome.action == Action::Deferred;
        self.add_part(attributes, outcome, owner);
        retry
    }

    /// The same for another part of the mail system, with its log and relay.
    pub(super) async fn report_from(
        &mut self,
        attributes: &Attributes,
        log: &Log,
        relay: &str,
        outcome: Outcome,
    ) -> Retry {
        let outcome = self.logged(attributes, log, relay, outcome).await;
        let retry = outcome.action == Action::Deferred;
        self.add_part(attributes, outcome, None);
        retry
    }

    async fn logged(
        &self,
        attributes: &Attributes,
        log: &Log,
        relay: &str,
        outcome: Outcome,
    ) -> Outcome {
        let outcome = self.settings().status_filter.apply(&self.log, outcome).await;
        let delays = Delays::until_now(self.started);
        self.reporter.part(log, &self.to(attributes), relay, delays, outcome)
    }

    /// The recipient as agents see it.
    pub(super) fn to(&self, attributes: &Attributes) -> To {
        To {
            index: self.index,
            address: attributes.address.clone(),
            original: attributes.original.clone(),
            dsn_orcpt: attributes.dsn_orcpt.clone(),
            notify: attributes.notify,
        }
    }

    /// Reports an outcome that has been logged elsewhere, or is not logged at all.
    pub(super) fn add_part(
        &mut self,
        attributes: &Attributes,
        outcome: Outcome,
        owner: Option<String>,
    ) {
        self.parts.push(Part {
            address: attributes.address.clone(),
            original: attributes.original.clone(),
            dsn_orcpt: attributes.dsn_orcpt.clone(),
            notify: attributes.notify,
            outcome,
            owner,
        });
    }

    /// An outcome that is one of ours, in the form `status`, `text`.
    pub(super) async fn say(
        &mut self,
        attributes: &Attributes,
        (class, subject, detail): (u8, u16, u16),
        text: impl Into<String>,
    ) -> Retry {
        self.report(attributes, Outcome::own(Status::new(class, subject, detail), text)).await
    }

    /// What would be delivered.
    pub(super) async fn would(
        &mut self,
        attributes: &Attributes,
        text: impl Into<String>,
    ) -> Retry {
        let mut outcome = Outcome::own(Status::new(2, 0, 0), text);
        outcome.action = Action::Probed { deliverable: true };
        self.report(attributes, outcome).await
    }

    /// A success notice for a recipient that stood for others.
    pub(super) fn expanded(&mut self, attributes: &Attributes, success: Success) {
        let mut outcome = Outcome::own(Status::new(2, 0, 0), "alias expanded");
        outcome.action = Action::Sent { success };
        self.add_part(attributes, outcome, None);
    }

    /// A failure, reported to the `owner-` alias of the recipient if it has one.
    pub(super) async fn fail(&mut self, attributes: &Attributes, outcome: Outcome) -> Retry {
        match self.owner_of(&attributes.address).await {
            Ok(owner) => self.report_to(attributes, outcome, owner).await,
            Err(Unavailable) => self.say(attributes, (4, 3, 0), "alias database unavailable").await,
        }
    }

    async fn owner_of(&self, address: &str) -> Result<Option<String>, Unavailable> {
        let settings = self.settings();
        if !settings.extensions.owner_request_special || settings.aliases.is_empty() {
            return Ok(None);
        }
        let (local, _) = split(address);
        if let Some(owner) = self.owner_alias(local).await? {
            return Ok(Some(owner));
        }
        match settings.extensions.split(local) {
            (bare, Some(_)) => self.owner_alias(bare).await,
            _ => Ok(None),
        }
    }

    /// The address of `owner-name`, or what that expands to (`expand_owner_alias`).
    pub(super) async fn owner_alias(&self, name: &str) -> Result<Option<String>, Unavailable> {
        let settings = self.settings();
        let owner = format!("owner-{name}");
        let found = settings.aliases.find(&owner).await.map_err(|_| Unavailable)?;
        Ok(found.map(|expansion| {
            let address = if settings.expand_owner { &expansion } else { &owner };
            settings.rewrite.rewrite(RewriteContext::Local, address)
        }))
    }

    /// Sends a recipient on to wherever its mail goes, as a new message.
    pub(super) async fn indirect(&mut self, attributes: &Attributes) -> Retry {
        if self.seen(&format!("indirect {}", attributes.address)) {
            return false;
        }
        if self.is_trace() {
            return self.would(attributes, format!("forwards to {}", attributes.address)).await;
        }
        let delivered = attributes.delivered();
        let recipient = ForwardTo {
            address: attributes.address.clone(),
            original: attributes.original.clone(),
            dsn_orcpt: attributes.dsn_orcpt.clone(),
            notify: attributes.notify,
        };
        let known = self
            .forwards
            .iter_mut()
            .find(|(to, forward)| to == delivered && forward.sender == attributes.sender);
        if let Some((_, forward)) = known {
            forward.recipients.push(recipient);
            return false;
        }
        let header = match self.settings().delivered_header.forward {
            true => fold(delivered).into_owned(),
            false => String::new(),
        };
        let forward = Forward {
            sender: attributes.sender.clone(),
            recipients: vec![recipient],
            delivered_to: header,
            uid: 0,
            line: Default::default(),
        };
        self.forwards.push((delivered.to_owned(), forward));
        false
    }

    /// Has a worker with these rights do some work, with the content if it `delivers`.
    pub(super) async fn work(
        &self,
        rights: Rights,
        unless_forward: Vec<String>,
        work: Work,
        time: Duration,
    ) -> Result<Done, Refusal> {
        let identity = self.settings().crew.identity(rights)?;
        self.work_as(&identity, unless_forward, work, time).await
    }

    pub(super) async fn work_as(
        &self,
        identity: &Identity,
        unless_forward: Vec<String>,
        work: Work,
        time: Duration,
    ) -> Result<Done, Refusal> {
        let delivers = matches!(work, Work::Mailbox(_) | Work::Maildir(_) | Work::Command(_));
        let content = delivers.then_some(&self.content);
        let job = Job { unless_forward, work, content: 0 };
        self.settings().crew.work(&self.log, identity, job, content, None, time).await
    }
}

/// The aliases cannot be looked up now.
pub(super) struct Unavailable;
