//! cleanup(8) as a library: takes a message in as it arrives, completes it, checks it, rewrites
//! and expands its addresses, and commits it to the spool.
//!
//! ```text
//! Cleanup::begin ─ Message::sender/recipient/header… ─ Message::content* ─ Message::finish
//! ```
//!
//! The content streams: it is held in memory up to a bound, beyond that in an unlinked file.
//! `content` cuts it into lines, `header` and `checks` look at fields and lines, `mapping` and
//! `envelope` change addresses, `missing` completes the header, `store` keeps the result, and
//! `finish` commits it. Milters see the message in `milter`, after all this, and `edit` does what
//! they ask for.

mod checks;
mod content;
mod edit;
mod envelope;
mod finish;
mod header;
mod mapping;
mod milter;
mod missing;
mod settings;
mod store;

use std::collections::HashSet;
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

use self::content::Progress;
use self::settings::Settings;
use self::store::Store;

/// The stage, shared by all sessions of an intake process that have the same configuration.
#[derive(Debug)]
pub struct Cleanup {
    settings: Settings,
    rewrite: Arc<Rewrite>,
    writer: Arc<Writer>,
    queue: Option<Arc<QueueClient>>,
}

/// Where a message comes from: decides which steps apply, and what `Received:` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// smtpd: header and body checks, milters, `receive_override_options`.
    Network,
    /// qmqpd: the same with non_smtpd_milters.
    Qmqp,
    /// sendmail: the same with non_smtpd_milters.
    Local,
    /// Forwarded by local(8): no checks again.
    Forwarded,
    /// A notice of our own: no checks unless `internal_mail_filter_classes` says so.
    Internal,
    /// An address probe of our own: no checks at all.
    Probe,
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
    /// The envelope so far; the caller sets client, DSN, encoding and rewrite context here before
    /// the first recipient.
    pub envelope: Envelope,
    queue_id: QueueId,
    log: Log,
    flags: Flags,
    /// The sender as given, until it has been processed.
    raw_sender: Option<String>,
    /// The last recipient that was taken: the log names it.
    last_recipient: Option<String>,
    /// Recipients taken so far, for the duplicate filter, once there are more than a few.
    seen: HashSet<String>,
    /// The client as log lines of checks call it; without one the envelope says.
    pub origin: String,
    /// Recipients that BCC actions added.
    bcc: Vec<String>,
    /// Recipients of a probe that stand for several others: that they exist is known already.
    expanded: Vec<Recipient>,
    errors: Errors,
    /// Why it is refused, with a status in front.
    reason: Option<String>,
    progress: Progress,
    store: Store,
    /// The reply that a milter wants the client to get.
    smtp_reply: Option<String>,
    /// The `Received:` header that was put before the message here: milters do not see it.
    own_received: Option<Vec<u8>>,
    /// The session with non_smtpd_milters, once it has begun.
    milters: Option<Box<self::milter::Emulation>>,
}

/// Which steps apply, and what checks have decided so far.
#[derive(Clone, Copy, Debug)]
struct Flags {
    /// Header and body checks.
    filter: bool,
    /// Addresses are mapped.
    map: bool,
    /// Automatic bcc recipients are added.
    bcc: bool,
    /// Problems are told by a bounce, so that the whole message is kept.
    bounce: bool,
    /// SMTPUTF8 is switched on where it turns out to be needed.
    detect_utf8: bool,
    discard: bool,
    /// Milters see the message.
    milter: bool,
    /// There are any.
    milters_expected: bool,
    /// The submitter is an SMTP client: a milter's reply is for it.
    smtp_replies: bool,
}

impl Flags {
    /// A check has decided: nothing else is asked.
    fn stop_filters(&mut self) {
        self.filter = false;
        self.milter = false;
    }
}

/// What has gone wrong so far; several things may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Errors(u8);

impl Errors {
    /// Try again later, as the reason says.
    const DEFER: Self = Self(1);
    /// Not a message.
    const BAD: Self = Self(2);
    const NO_RECIPIENTS: Self = Self(4);
    const HOPS: Self = Self(8);
    const SIZE: Self = Self(16);
    const CONTENT: Self = Self(32);
    const WRITE: Self = Self(64);
    /// With these the rest of the message is not read even if it is to be bounced.
    const INCOMPLETE: Self = Self(Self::DEFER.0 | Self::BAD.0 | Self::SIZE.0 | Self::WRITE.0);

    /// With these nothing is returned to the sender: there is nothing whole, or it is tried again.
    const CANNOT_RETURN: Self =
        Self(Self::DEFER.0 | Self::BAD.0 | Self::WRITE.0 | Self::NO_RECIPIENTS.0);
    const CONTENT_OR_SIZE: Self = Self(Self::CONTENT.0 | Self::SIZE.0);

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn is_none(self) -> bool {
        self.0 == 0
    }
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

/// cleanup without its spool.
#[derive(Debug)]
pub struct Prepared {
    settings: Settings,
    rewrite: Arc<Rewrite>,
}

impl Prepared {
    /// Complete.
    pub fn with(self, writer: Arc<Writer>, queue: Option<Arc<QueueClient>>) -> Arc<Cleanup> {
        let Self { settings, rewrite } = self;
        Arc::new(Cleanup { settings, rewrite, writer, queue })
    }
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
        Ok(Self::prepare(config, tables, rewrite)?.with(writer, queue))
    }

    /// The first half of [`Cleanup::new`], for a process that opens its tables before it is
    /// confined and its spool afterwards.
    pub fn prepare(
        config: &Arc<Config>,
        tables: &Tables,
        rewrite: Arc<Rewrite>,
    ) -> Result<Prepared, Problem> {
        let tables = tables.of_program("cleanup");
        Ok(Prepared { settings: Settings::read(config, &tables)?, rewrite })
    }

    /// Begins a message: gives it a queue ID. `log` is the caller's; cleanup's own lines are
    /// tagged `…/cleanup`.
    #[expect(clippy::needless_pass_by_value, reason = "callers give a constant")]
    pub fn begin(self: &Arc<Self>, origin: Origin, skip: Skip, log: &Log) -> Message {
        let (queue_id, arrival) = self.writer.queue_id(self.settings.long_queue_ids);
        let mut envelope = Envelope { queue_id: Some(queue_id), arrival, ..Envelope::default() };
        envelope.created = arrival;
        envelope.internal = matches!(origin, Origin::Internal | Origin::Probe);
        let flags = self.flags(&origin, skip);
        let mut store = Store::new(self.settings.line_length_limit);
        if flags.milters_expected {
            store.make_editable();
        }
        Message {
            stage: self.clone(),
            envelope,
            queue_id,
            log: log.of_program("cleanup"),
            flags,
            raw_sender: None,
            last_recipient: None,
            seen: HashSet::new(),
            origin: String::new(),
            bcc: Vec::new(),
            expanded: Vec::new(),
            errors: Errors::default(),
            reason: None,
            progress: Progress::new(&self.settings),
            store,
            smtp_reply: None,
            own_received: None,
            milters: None,
        }
    }

    /// A file in the spool for what does not fit into memory; it goes away by itself.
    pub fn scratch_file(&self) -> Result<crate::spool::ScratchFile, crate::spool::SpoolError> {
        self.writer.scratch_file()
    }

    fn flags(&self, origin: &Origin, skip: Skip) -> Flags {
        let external = matches!(origin, Origin::Network | Origin::Qmqp | Origin::Local);
        let autodetect = self.settings.autodetect;
        let checked =
            external || (*origin == Origin::Internal && self.settings.internal_checks.any);
        let milter = checked && !skip.milters;
        Flags {
            filter: checked && !skip.header_body_checks,
            milter,
            // smtpd says so itself.
            milters_expected: milter
                && *origin != Origin::Network
                && !self.settings.milters.non_smtpd.is_empty(),
            smtp_replies: *origin == Origin::Network,
            map: !skip.address_mappings,
            bcc: external && !skip.address_mappings,
            bounce: matches!(origin, Origin::Local | Origin::Forwarded),
            detect_utf8: match origin {
                Origin::Network => autodetect.network,
                Origin::Qmqp => autodetect.qmqp,
                Origin::Local => autodetect.local,
                Origin::Forwarded => autodetect.forwarded,
                Origin::Internal => autodetect.internal,
                Origin::Probe => autodetect.probe,
            },
            discard: false,
        }
    }
}

impl Message {
    /// Its queue ID.
    pub fn queue_id(&self) -> QueueId {
        self.queue_id
    }

    /// smtpd has milters for this message: they are given to [`Message::finish_filtered`].
    pub fn expect_milters(&mut self) {
        self.flags.milters_expected = true;
        self.store.make_editable();
    }

    /// The envelope sender, internal form. It is completed and mapped with the first recipient.
    pub fn sender(&mut self, address: &str) {
        self.raw_sender = Some(address.to_owned());
        address.clone_into(&mut self.envelope.sender);
    }

    /// A recipient as the client gave it, internal form; rewriting and aliasing happen here.
    pub async fn recipient(&mut self, recipient: Recipient) {
        self.settle_sender().await;
        if self.goes_on() {
            self.take_recipient(recipient).await;
        }
    }

    /// The recipients of a probe that virtual_alias_maps turned into several others: mail for them
    /// would be accepted, and they are not among the recipients.
    pub fn take_expanded(&mut self) -> Vec<Recipient> {
        std::mem::take(&mut self.expanded)
    }

    /// A header line that the caller puts before all content, without line end, such as its
    /// `Received:` (folded with `\n\t`). Header checks see it like any other.
    pub fn prepend(&mut self, header: &str) {
        self.progress.prepend(header);
    }

    /// The next bytes of the content, whole lines or parts of lines, with LF line ends (dots
    /// unstuffed). Waits only when a check needs a table.
    pub async fn content(&mut self, bytes: &[u8]) {
        self.settle_sender().await;
        self.take_prepended().await;
        self.take_content(bytes).await;
    }

    /// Whether it is refused already: the caller may skip the rest of the content.
    pub fn refused(&self) -> Option<Refusal> {
        if self.goes_on() || self.flags.discard { None } else { Some(self.refusal()) }
    }

    /// Whether more of the message matters: it has not been refused or discarded.
    fn goes_on(&self) -> bool {
        let fatal = if self.flags.bounce { Errors::INCOMPLETE } else { Errors(u8::MAX) };
        !self.errors.any(fatal) && !self.flags.discard
    }
}

#[cfg(test)]
mod tests;
