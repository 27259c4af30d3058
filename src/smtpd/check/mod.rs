//! Restrictions at work: which of them apply at each stage of the dialogue, and in which order.
//!
//! ```text
//! client ─ helo ─ sender ─┬─ relay ─┬─ recipient ─ listed? │ data │ end of data │ etrn
//!                         └─────────┘ (with smtpd_delay_reject all of them at RCPT)
//! ```
//!
//! A stage answers with the reply to send if the request is refused.

mod access;
mod certificate;
mod destination;
mod dns_list;
mod hostname;
mod list;
mod listed;
mod login;
mod outcome;
mod policy;
mod server;
mod unverified;

use super::dialogue::Dialogue;
use super::fault::Faults;
use super::restriction::{List, Subject};
use super::service::Service;
use crate::log::Log;

use outcome::Refusal;

/// Whether `text` begins like a message header.
pub fn is_header(text: &str) -> bool {
    access::is_header(text)
}
pub use dns_list::is_reply_pattern;
pub use outcome::{Jump, Verdict};
pub use unverified::Settings as VerifySettings;

/// The checks of one session.
#[derive(Debug)]
pub struct Checks<'a> {
    /// The service and its lists.
    pub service: &'a Service,
    /// The facts.
    pub talk: &'a mut Dialogue,
    /// The log of the session.
    pub log: &'a Log,
}

/// What is being checked: how replies call it.
#[derive(Clone, Copy, Debug)]
struct About<'a> {
    /// What stands in `<…>` in replies.
    name: &'a str,
    /// Such as `Sender address`.
    class: &'static str,
    /// Whom a table without a command is asked about.
    default: Option<Subject>,
}

const CLIENT: &str = "Client host";
const REVERSE_CLIENT: &str = "Unverified Client host";
const HELO: &str = "Helo command";
const SENDER: &str = "Sender address";
const RECIPIENT: &str = "Recipient address";
const SASL_USER: &str = "SASL login name";
const CCERT: &str = "Client certificate";
const ETRN: &str = "Etrn command";
const DATA: &str = "Data command";
const END_OF_DATA: &str = "End-of-data";

/// The connection has been cut without a reply (HANGUP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HungUp;

/// The reply, if the request is refused.
pub type Answer = Result<Option<String>, HungUp>;

impl Checks<'_> {
    /// Client restrictions.
    pub async fn client(&mut self) -> Answer {
        self.talk.checks.defer_if_permit.active = false;
        let lists = self.service.lists.clone();
        let name = self.talk.peer.text.clone();
        let about = About { name: &name, class: CLIENT, default: Some(Subject::Client) };
        let verdict = self.stage(&lists.client, about).await?;
        self.talk.checks.deferred_client = self.talk.checks.defer_if_permit.active;
        Ok(self.reply_if_rejected(verdict))
    }

    /// HELO restrictions, for this name.
    pub async fn helo(&mut self, name: Option<&str>) -> Answer {
        let Some(name) = name.map(str::to_owned) else { return Ok(None) };
        let saved = self.talk.helo.replace(name.clone());
        self.talk.checks.defer_if_permit.active = self.talk.checks.deferred_client;
        let lists = self.service.lists.clone();
        let about = About { name: &name, class: HELO, default: Some(Subject::Helo) };
        let verdict = self.stage(&lists.helo, about).await;
        self.talk.checks.deferred_helo = self.talk.checks.defer_if_permit.active;
        self.talk.helo = saved;
        let verdict = verdict?;
        Ok(self.reply_if_rejected(verdict))
    }

    /// Sender restrictions, for this sender.
    pub async fn sender(&mut self, sender: &str) -> Answer {
        let saved = self.talk.sender.replace(sender.to_owned());
        let verdict = self.sender_stage(sender).await;
        self.talk.sender = saved;
        let verdict = verdict?;
        Ok(self.reply_if_rejected(verdict))
    }

    async fn sender_stage(&mut self, sender: &str) -> Result<Verdict, HungUp> {
        let checks = &mut self.talk.checks;
        checks.defer_if_permit.active = checks.deferred_client || checks.deferred_helo;
        checks.sender_listed_checked = false;
        let lists = self.service.lists.clone();
        let about = About { name: sender, class: SENDER, default: Some(Subject::Sender) };
        let mut verdict = self.stage(&lists.sender, about).await?;
        self.talk.checks.deferred_sender = self.talk.checks.defer_if_permit.active;
        if self.service.settings.reject_unlisted_sender
            && verdict != Verdict::Reject
            && !self.talk.checks.sender_listed_checked
            && !self.talk.wishes.discard
            && !sender.is_empty()
        {
            verdict = landed(self.sender_listed(sender).await)?;
        }
        Ok(verdict)
    }

    /// All that applies to a RCPT (or VRFY) of this recipient.
    pub async fn recipient(&mut self, recipient: &str) -> Answer {
        if recipient.eq_ignore_ascii_case("postmaster") {
            return Ok(None);
        }
        let saved = self.talk.recipient.replace(recipient.to_owned());
        let answer = self.recipient_stage(recipient).await;
        self.talk.recipient = saved;
        answer
    }

    async fn recipient_stage(&mut self, recipient: &str) -> Answer {
        self.talk.checks.recipient_listed_checked = false;
        if self.service.settings.delay_reject
            && let Some(reply) = self.delayed(true).await?
        {
            return Ok(Some(reply));
        }
        self.talk.checks.defer_if_permit.active = self.talk.checks.deferred_sender;
        let lists = self.service.lists.clone();
        let order = if self.service.settings.relay_before_recipient {
            [&lists.relay, &lists.recipient]
        } else {
            [&lists.recipient, &lists.relay]
        };
        let about = About { name: recipient, class: RECIPIENT, default: Some(Subject::Recipient) };
        self.talk.checks.start();
        let mut verdict = Verdict::Dunno;
        for list in order {
            verdict = landed(self.run(list, about).await)?;
            if verdict == Verdict::Reject {
                break;
            }
        }
        verdict = self.apply_defer_if_permit(verdict);
        if self.service.settings.reject_unlisted_recipient
            && verdict != Verdict::Reject
            && !self.talk.checks.recipient_listed_checked
            && !self.talk.wishes.discard
        {
            verdict = landed(self.recipient_listed(recipient).await)?;
        }
        Ok(self.reply_if_rejected(verdict))
    }

    /// The stages that `smtpd_delay_reject` has put off.
    async fn delayed(&mut self, with_sender: bool) -> Answer {
        if let Some(reply) = self.client().await? {
            return Ok(Some(reply));
        }
        let helo = self.talk.helo.clone();
        if let Some(reply) = self.helo(helo.as_deref()).await? {
            return Ok(Some(reply));
        }
        match self.talk.sender.clone() {
            Some(sender) if with_sender => self.sender(&sender).await,
            _ => Ok(None),
        }
    }

    /// ETRN restrictions, for this domain.
    pub async fn etrn(&mut self, domain: &str) -> Answer {
        let saved = self.talk.etrn.replace(domain.to_owned());
        let answer = self.etrn_stage(domain).await;
        self.talk.etrn = saved;
        answer
    }

    async fn etrn_stage(&mut self, domain: &str) -> Answer {
        if self.service.settings.delay_reject
            && let Some(reply) = self.delayed(false).await?
        {
            return Ok(Some(reply));
        }
        let checks = &mut self.talk.checks;
        checks.defer_if_permit.active = checks.deferred_client || checks.deferred_helo;
        let lists = self.service.lists.clone();
        let about = About { name: domain, class: ETRN, default: Some(Subject::Etrn) };
        let verdict = self.stage(&lists.etrn, about).await?;
        let verdict = self.apply_defer_if_permit(verdict);
        Ok(self.reply_if_rejected(verdict))
    }

    /// Data restrictions.
    pub async fn data(&mut self) -> Answer {
        let lists = self.service.lists.clone();
        self.content_stage(&lists.data, About { name: "DATA", class: DATA, default: None }).await
    }

    /// End-of-data restrictions.
    pub async fn end_of_data(&mut self) -> Answer {
        let lists = self.service.lists.clone();
        let about = About { name: "END-OF-MESSAGE", class: END_OF_DATA, default: None };
        self.content_stage(&lists.end_of_data, about).await
    }

    /// A stage for all recipients alike: with several of them none is named.
    async fn content_stage(&mut self, list: &List, about: About<'_>) -> Answer {
        let hidden = (self.talk.recipients > 1).then(|| self.talk.recipient.take());
        self.talk.checks.defer_if_permit.active = false;
        let verdict = self.stage(list, about).await;
        let verdict = verdict.map(|verdict| self.apply_defer_if_permit(verdict));
        if let Some(recipient) = hidden {
            self.talk.recipient = recipient;
        }
        let verdict = verdict?;
        Ok(self.reply_if_rejected(verdict))
    }

    /// MAIL SIZE against `message_size_limit`.
    pub fn size(&mut self, announced: u64) -> Option<String> {
        self.talk.checks.start();
        let limit = self.service.settings.limits.message_size?;
        if announced <= limit {
            return None;
        }
        let text = "Message size exceeds fixed limit";
        self.reject(Faults::POLICY, Refusal::new(552, "5.3.4", text));
        Some(self.talk.checks.reply.clone())
    }

    /// Free space in the queue: `queue_minfree`, and one and a half times the largest message.
    pub fn queue_space(&mut self) -> Option<String> {
        self.talk.checks.start();
        let settings = &self.service.settings;
        let free = self.service.free_space()?;
        let largest = settings.limits.message_size.unwrap_or(0);
        if free > settings.queue_minfree && free as f64 / 1.5 > largest as f64 {
            return None;
        }
        let text = "Insufficient system storage";
        self.reject(Faults::RESOURCE, Refusal::new(452, "4.3.1", text));
        let reply = self.talk.checks.reply.clone();
        self.log.warning(format_args!(
            "not enough free space in mail queue: {free} bytes < 1.5*message size limit"
        ));
        Some(reply)
    }

    async fn stage(&mut self, list: &List, about: About<'_>) -> Result<Verdict, HungUp> {
        self.talk.checks.start();
        landed(self.run(list, about).await)
    }

    /// A list that is not empty.
    async fn run(&mut self, list: &List, about: About<'_>) -> Result<Verdict, Jump> {
        if list.is_empty() { Ok(Verdict::Dunno) } else { self.list(list, about).await }
    }

    /// Permission becomes deferral when an earlier temporary error may have kept us from refusing.
    fn apply_defer_if_permit(&mut self, verdict: Verdict) -> Verdict {
        if verdict == Verdict::Reject || !self.talk.checks.defer_if_permit.active {
            return verdict;
        }
        let deferral = self.talk.checks.defer_if_permit.clone();
        let refusal = Refusal::new(deferral.code, &deferral.dsn, &deferral.reason);
        self.reject(deferral.class, refusal)
    }

    fn reply_if_rejected(&self, verdict: Verdict) -> Option<String> {
        (verdict == Verdict::Reject).then(|| self.talk.checks.reply.clone())
    }
}

/// Where a jump out of nested lists arrives.
fn landed(result: Result<Verdict, Jump>) -> Result<Verdict, HungUp> {
    match result {
        Ok(verdict) | Err(Jump::To(verdict)) => Ok(verdict),
        Err(Jump::HangUp) => Err(HungUp),
    }
}
