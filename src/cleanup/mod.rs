//! cleanup(8) as a library: takes a message in as it arrives, completes it, checks it, rewrites
//! and expands its addresses, and commits it to the spool.
//!
//! ```text
//! Cleanup::begin ─ Message::sender/recipient/header… ─ Message::content* ─ Message::finish
//! ```
//!
//! The content streams: it is held in memory up to a bound, beyond that in an unlinked file.

use std::sync::Arc;

use crate::config::{Config, Problem};
use crate::log::Log;
use crate::lookup::Tables;
use crate::mail::envelope::{Envelope, Recipient};
use crate::mail::queue_id::QueueId;
use crate::mail::status::Status;
use crate::rewrite::Rewrite;
use crate::service::intake::QueueClient;
use crate::spool::Writer;

/// The stage, shared by all sessions of an intake process that have the same configuration.
#[derive(Debug)]
pub struct Cleanup {
    writer: Arc<Writer>,
    queue: Option<Arc<QueueClient>>,
}

/// Where a message comes from: decides which steps apply, and what `Received:` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// smtpd: header and body checks, milters, `receive_override_options`.
    Network,
    /// sendmail: the same with non_smtpd_milters.
    Local,
    /// Forwarded by local(8): no checks again.
    Forwarded,
    /// A notice of our own: no checks unless `internal_mail_filter_classes` says so.
    Internal,
}

/// Steps that `receive_override_options` switches off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skip {
    /// no_address_mappings
    pub address_mappings: bool,
    /// no_header_body_checks
    pub header_body_checks: bool,
    /// no_milters
    pub milters: bool,
    /// no_unknown_recipient_checks (looked at by smtpd)
    pub unknown_recipient_checks: bool,
}

/// A message on its way in.
#[derive(Debug)]
pub struct Message {
    stage: Arc<Cleanup>,
    /// The envelope so far; the caller sets client, DSN and encoding here before `finish`.
    pub envelope: Envelope,
    queue_id: QueueId,
    log: Log,
}

/// What became of a message that was given in whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is safe on disk and qmgr knows (or it was discarded by a check, which looks the same
    /// to the client).
    Queued,
    /// It was refused.
    Refused(Refusal),
}

/// Why cleanup refused a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which case it is: bounces and smtpd words depend on it.
    pub reason: Reason,
    /// Enhanced status code.
    pub status: Status,
    /// Reply text, such as `message content rejected` or that of a REJECT action.
    pub text: String,
}

/// The cases in which cleanup refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A check or filter said REJECT.
    Content,
    /// Larger than message_size_limit.
    TooBig,
    /// More `Received:` headers than hopcount_limit.
    TooManyHops,
    /// The queue file could not be written: 4.3.0.
    Write,
    /// No room: 4.3.1.
    Full,
    /// A table failed, or an alias expansion is too large: 4.x.
    Mapping,
    /// No recipients are left.
    NoRecipients,
    /// Anything unexpected.
    Internal,
}

impl Cleanup {
    /// Reads the parameters and opens the tables. `queue` is none only in qmgr itself, which
    /// takes what `finish_here` gives.
    pub fn new(
        config: &Arc<Config>,
        tables: &Tables,
        rewrite: Arc<Rewrite>,
        writer: Arc<Writer>,
        queue: Option<Arc<QueueClient>>,
    ) -> Result<Arc<Self>, Problem> {
        let _ = (config, tables, rewrite);
        Ok(Arc::new(Self { writer, queue }))
    }

    /// Begins a message: gives it a queue ID. `log` is the caller's; cleanup's own lines are
    /// tagged `…/cleanup`.
    pub fn begin(self: &Arc<Self>, origin: Origin, skip: Skip, log: &Log) -> Message {
        let _ = (origin, skip);
        Message {
            stage: self.clone(),
            envelope: Envelope::default(),
            queue_id: QueueId::NONE,
            log: log.clone(),
        }
    }
}

impl Message {
    /// Its queue ID.
    pub fn queue_id(&self) -> QueueId {
        self.queue_id
    }

    /// The envelope sender, internal form.
    pub fn sender(&mut self, address: &str) {
        address.clone_into(&mut self.envelope.sender);
    }

    /// A recipient as the client gave it, internal form; rewriting and aliasing happen here.
    pub async fn recipient(&mut self, recipient: Recipient) {
        self.envelope.recipients.push(recipient);
    }

    /// A header line that the caller puts before all content, without line end, such as its
    /// `Received:` (folded with `\n\t`).
    pub fn prepend(&mut self, header: &str) {
        let _ = header;
    }

    /// The next bytes of the content, whole lines or parts of lines, with LF line ends (dots
    /// unstuffed). Waits only when a check needs a table.
    pub async fn content(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// Whether it is refused already: the caller may skip the rest of the content.
    pub fn refused(&self) -> Option<&Refusal> {
        None
    }

    /// Finishes: last checks, then the spool, then qmgr. Returns when the message is on disk.
    pub async fn finish(self) -> Verdict {
        let _ = (&self.stage.writer, &self.stage.queue, &self.log);
        Verdict::Queued
    }

    /// As [`Message::finish`], for qmgr: the record's place and envelope come back instead of
    /// being sent.
    pub async fn finish_here(
        self,
    ) -> Result<Option<(crate::spool::Location, Box<Envelope>)>, Refusal> {
        Ok(None)
    }
}
