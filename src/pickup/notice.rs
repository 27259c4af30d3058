//! Tells the sender of a message that cleanup refused for good: a program that hands mail to
//! sendmail has long gone away, so there is nobody else to tell.

use std::sync::Arc;

use crate::bounce::{Bounce, Item, Subject};
use crate::cleanup::{Cleanup, Reason, Returned};
use crate::config::{Config, parameters as p};
use crate::ipc::delivery::{Request, To};
use crate::log::Log;
use crate::mail::envelope::{Envelope, Recipient, Ret, Timestamp};
use crate::mail::outcome::Outcome;
use crate::mail::queue_id::QueueId;
use crate::service::agent::Delays;
use crate::service::delivery_line::Line;
use crate::service::intake::QueueClient;
use crate::spool::{Content, StoredContent};

/// How much of a refused message is kept in memory for its notice, which shows its header.
const HEADER_MAX: usize = 256 << 10;

/// What it takes to make notices here.
#[derive(Debug)]
pub(super) struct Notices {
    bounce: Bounce,
    cleanup: Arc<Cleanup>,
    queue: Arc<QueueClient>,
    decimals: u32,
    quoted: bool,
}

impl Notices {
    pub(super) fn new(
        config: &Config,
        bounce: Bounce,
        cleanup: Arc<Cleanup>,
        queue: Arc<QueueClient>,
    ) -> Self {
        Self {
            bounce,
            cleanup,
            queue,
            decimals: u32::try_from(config.int(&p::delay_logging_resolution_limit))
                .unwrap_or_default(),
            quoted: config.text(&p::info_log_address_format) == "external",
        }
    }

    /// Logs what became of each recipient, and sends the notice. Whether it is on its way.
    pub(super) async fn tell_sender(&self, id: QueueId, returned: Returned, log: &Log) -> bool {
        let log = log.of_program("cleanup");
        let Returned { refusal, mut envelope, content } = returned;
        if matches!(refusal.reason, Reason::Content | Reason::TooBig) {
            // What was refused does not travel on.
            envelope.ret = Some(Ret::Headers);
        }
        if envelope.recipients.is_empty() {
            let nobody = Recipient { address: "unknown".into(), ..Recipient::default() };
            envelope.recipients.push(nobody);
        }
        let outcome = Outcome::own(refusal.status.with_class(5), refusal.text);
        let items: Vec<Item> = envelope
            .recipients
            .iter()
            .map(|recipient| {
                self.log_recipient(id, &envelope, recipient, &outcome, &log);
                Item {
                    address: recipient.address.clone(),
                    original: recipient.original.clone(),
                    dsn_orcpt: recipient.dsn_orcpt.clone(),
                    notify: recipient.notify,
                    outcome: outcome.clone(),
                }
            })
            .collect();
        let content = content.and_then(in_memory);
        let subject = Subject {
            queue_id: id,
            envelope: &envelope,
            content: content.as_ref(),
            message_id: None,
        };
        let posted = self.bounce.failure(&self.cleanup, &subject, &items).await;
        for (location, envelope) in posted.messages {
            self.queue.stored(location, envelope);
        }
        if posted.complete {
            log.info(format_args!("{id}: removed (discarded)"));
        } else {
            log.warning(format_args!("{id}: bounce message failure"));
        }
        posted.complete
    }

    /// The same line as a delivery agent's.
    fn log_recipient(
        &self,
        id: QueueId,
        envelope: &Envelope,
        recipient: &Recipient,
        outcome: &Outcome,
        log: &Log,
    ) {
        let now = Timestamp(crate::sys::now());
        let to = To {
            address: recipient.address.clone(),
            original: recipient.original.clone(),
            ..To::default()
        };
        let request = Request {
            queue_id: id,
            arrival: envelope.arrival,
            activated: now,
            ..Request::default()
        };
        let line = Line {
            request: &request,
            to: &to,
            relay: "none",
            delays: Delays { started: now, finished: now, ..Delays::default() },
            status: outcome.status,
            word: outcome.log_word(),
            text: &outcome.text,
        };
        log.info(format_args!("{}", line.text(self.decimals, self.quoted)));
    }
}

/// The beginning of the content.
fn in_memory(content: Content) -> Option<StoredContent> {
    match content {
        Content::Memory(bytes) => Some(StoredContent::in_memory(bytes)),
        Content::File(file, length) => {
            let wanted = usize::try_from(length).unwrap_or(HEADER_MAX).min(HEADER_MAX);
            let mut bytes = vec![0; wanted];
            let read = file.read_at(&mut bytes, 0).ok()?;
            bytes.truncate(read);
            Some(StoredContent::in_memory(bytes))
        }
    }
}
