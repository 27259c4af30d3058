//! An active message: its envelope, the recipients still to be tried, and what became of those
//! that have been.

use std::sync::Arc;

use super::roster::{Piece, Roster};
use crate::bounce::Item;
use crate::ipc::delivery::{Request, To};
use crate::mail::envelope::{Envelope, Notify, Recipient, Timestamp};
use crate::mail::outcome::{Action, Outcome, Success};
use crate::mail::queue_id::QueueId;
use crate::mail::status::Status;
use crate::spool::Location;

/// Recipients that failed or wait, with their index in the envelope.
pub(super) type Fates = Vec<(u32, Item)>;

/// An active message.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) id: QueueId,
    pub(super) location: Location,
    /// Without its recipients if it has a `piece` of them.
    pub(super) envelope: Arc<Envelope>,
    /// How many recipients it has, done or not.
    pub(super) count: usize,
    /// Those that are in memory, of a long list.
    pub(super) piece: Option<Piece>,
    /// When it became active.
    pub(super) activated: Timestamp,
    /// Recipients that have not been assigned yet, last one first.
    pub(super) unread: Vec<u32>,
    /// Addresses that the resolver changed, sorted by index.
    pub(super) rewritten: Vec<(u32, String)>,
    /// For the non-delivery notice.
    pub(super) failed: Fates,
    /// For the defer log.
    pub(super) delayed: Fates,
    /// For the delivery status notice.
    pub(super) traced: Vec<Item>,
    /// Forwards that are being queued.
    pub(super) forwarding: usize,
    /// All assigned recipients have been tried.
    pub(super) tried: bool,
    /// Success is reported because a delay had been (confirm_delay_cleared).
    pub(super) report_cleared: bool,
}

/// `relay=` of what was decided here.
pub(super) const NONE: &str = "none";

/// What the queue has to do about one recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it is done.
    Done,
    /// It is done once the notice is on disk.
    Notice,
    /// It waits.
    Wait,
}

impl Work {
    /// The recipient's address as it is delivered to.
    pub(super) fn address(&self, index: u32) -> &str {
        match self.rewritten.binary_search_by_key(&index, |(i, _)| *i) {
            Ok(at) => self.rewritten.get(at).map(|(_, a)| a.as_str()).unwrap_or_default(),
            Err(_) => self.recipient(index).map(|r| r.address.as_str()).unwrap_or_default(),
        }
    }

    /// A recipient, as the envelope has it.
    pub(super) fn recipient(&self, index: u32) -> Option<&Recipient> {
        match &self.piece {
            None => self.envelope.recipients.get(index as usize),
            Some(piece) => piece.get(index),
        }
    }

    /// These, for the resolver.
    pub(super) fn roster(&self, recipients: &[u32]) -> Roster {
        let some = self.piece.as_ref().map(|piece| piece.copy(recipients));
        Roster { envelope: self.envelope.clone(), some }
    }

    /// Nothing more is to be done for a recipient.
    pub(super) fn drop_recipient(&mut self, index: u32) {
        let Some(piece) = &mut self.piece else { return };
        piece.drop(index);
        if let Ok(at) = self.rewritten.binary_search_by_key(&index, |(i, _)| *i) {
            self.rewritten.remove(at);
        }
    }

    /// What an agent gets about a recipient.
    fn to(&self, index: u32) -> To {
        let recipient = self.recipient(index);
        To {
            index,
            address: self.address(index).to_owned(),
            original: recipient.map(|r| r.original.clone()).unwrap_or_default(),
            dsn_orcpt: recipient.map(|r| r.dsn_orcpt.clone()).unwrap_or_default(),
            notify: recipient.map(|r| r.notify).unwrap_or_default(),
        }
    }

    /// The request for some recipients.
    pub(super) fn request(
        &self,
        number: u64,
        nexthop: &str,
        recipients: &[u32],
        reuse: bool,
        last_attempt: bool,
    ) -> Request {
        let e = &*self.envelope;
        let recipients: Vec<To> = recipients.iter().map(|index| self.to(*index)).collect();
        let sender = match (&e.verp, recipients.first()) {
            (Some(verp), Some(to)) if !e.sender.is_empty() => {
                crate::bounce::verp_sender(verp, &e.sender, &to.original, &to.address)
            }
            _ => e.sender.clone(),
        };
        Request {
            number,
            queue_id: self.id,
            location: self.location,
            nexthop: nexthop.to_owned(),
            sender,
            envid: e.envid.clone(),
            ret: e.ret,
            body: e.body,
            smtputf8: e.smtputf8,
            utf8_header: e.utf8_header,
            tls_wish: e.tls_wish,
            arrival: e.arrival,
            activated: self.activated,
            size: e.size,
            client: e.client.clone(),
            sasl: e.sasl.clone(),
            rewrite_context: e.rewrite_context,
            trace: e.trace,
            last_attempt,
            connection_reuse: reuse,
            recipients,
        }
    }

    fn item(&self, index: u32, outcome: Outcome) -> Item {
        let To { address, original, dsn_orcpt, notify, .. } = self.to(index);
        Item { address, original, dsn_orcpt, notify, outcome }
    }

    /// Enters an outcome, and says what it means for the recipient.
    pub(super) fn enter(&mut self, index: u32, outcome: Outcome, relay: &str) -> Next {
        let notify = self.recipient(index).map(|r| r.notify);
        let notify = notify.unwrap_or_default();
        if !self.wants_trace(notify, &outcome) && matches!(outcome.action, Action::Sent { .. }) {
            return Next::Done;
        }
        let item = self.item(index, outcome);
        self.enter_item(index, item, relay)
    }

    /// Enters one part of what became of a recipient.
    pub(super) fn enter_item(&mut self, index: u32, item: Item, relay: &str) -> Next {
        if self.wants_trace(item.notify, &item.outcome) {
            let mut traced = item.clone();
            if relay != NONE {
                traced.outcome.text = format!("delivery via {relay}: {}", item.outcome.text);
            }
            self.traced.push(traced);
        }
        match item.outcome.action {
            Action::Sent { .. } | Action::Probed { .. } => Next::Done,
            Action::Bounced => {
                self.failed.push((index, item));
                Next::Notice
            }
            Action::Deferred => {
                self.delayed.push((index, item));
                Next::Wait
            }
        }
    }

    /// Whether an outcome belongs into a delivery status notice.
    fn wants_trace(&self, notify: Notify, outcome: &Outcome) -> bool {
        match outcome.action {
            Action::Probed { .. } => self.envelope.trace.expand_only,
            Action::Bounced | Action::Deferred => self.envelope.trace.record,
            Action::Sent { success } => {
                let asked = notify.has(Notify::SUCCESS) && success != Success::Transferred;
                let cleared =
                    self.report_cleared && (notify.is_default() || notify.has(Notify::DELAY));
                self.envelope.trace.record || asked || cleared
            }
        }
    }

    /// Puts back what the defer log of an earlier attempt says.
    pub(super) fn recall(&mut self, reasons: Vec<(u32, Outcome)>) {
        for (index, outcome) in reasons {
            let item = self.item(index, outcome);
            self.delayed.push((index, item));
        }
    }

    /// The defer log, as the index keeps it.
    pub(super) fn reasons(&self) -> Option<Arc<[u8]>> {
        if self.delayed.is_empty() {
            return None;
        }
        let reasons: Vec<(u32, &Outcome)> =
            self.delayed.iter().map(|(index, item)| (*index, &item.outcome)).collect();
        postcard::to_stdvec(&reasons).ok().map(Arc::from)
    }
}

/// Success notices for recipients that virtual aliases took the place of.
pub(super) fn aliases(envelope: &Envelope) -> Vec<Item> {
    let mut outcome = Outcome::own(Status::new(2, 0, 0), "alias expanded");
    outcome.action = Action::Sent { success: Success::Expanded };
    let item = |alias: &Recipient| Item {
        address: alias.address.clone(),
        original: alias.original.clone(),
        dsn_orcpt: alias.dsn_orcpt.clone(),
        notify: alias.notify,
        outcome: outcome.clone(),
    };
    envelope.aliases.iter().map(item).collect()
}

/// Reads what [`Work::reasons`] wrote.
pub(super) fn reasons(encoded: &[u8]) -> Vec<(u32, Outcome)> {
    postcard::from_bytes(encoded).unwrap_or_default()
}
