//! What senders and postmasters are told when a message has been tried: made in a task of its
//! own, since it reads tables and waits for the disk.

use std::sync::Arc;

use super::event::Stored;
use crate::bounce::{Bounce, Item, Posted, Subject};
use crate::cleanup::Cleanup;
use crate::mail::envelope::Envelope;
use crate::mail::queue_id::QueueId;
use crate::spool::{Location, Reader, StoredContent};

/// What there is to tell about one message.
pub(super) struct Notices {
    pub(super) bounce: Arc<Bounce>,
    pub(super) cleanup: Arc<Cleanup>,
    pub(super) reader: Arc<Reader>,
    pub(super) id: QueueId,
    pub(super) location: Location,
    pub(super) envelope: Arc<Envelope>,
    /// Recipients that failed for good.
    pub(super) failed: Vec<Item>,
    /// For the delivery status notice.
    pub(super) traced: Vec<Item>,
    /// Recipients that wait.
    pub(super) delayed: Vec<Item>,
    /// What to do about those.
    pub(super) late: Late,
    /// VERP notices are wanted (not disable_verp_bounces).
    pub(super) verp: bool,
}

/// What to do about recipients that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// Nothing yet.
    Wait,
    /// Warn the sender.
    Warn,
    /// Their time is over: return the message.
    Expired,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    /// The notices, as new messages.
    pub(super) stored: Stored,
    /// Whether those who had to hear of the failed recipients have heard.
    pub(super) failed: bool,
    /// The same of the expired ones.
    pub(super) expired: bool,
    /// Whether the sender has been warned.
    pub(super) warned: bool,
}

impl Notices {
    /// Makes them.
    pub(super) async fn make(self) -> Noticed {
        let content = self.reader.content(self.location).ok();
        let message_id = match &content {
            Some(content) if self.bounce.wants_message_id() => message_id(content),
            _ => None,
        };
        let subject = Subject {
            queue_id: self.id,
            envelope: &self.envelope,
            content: content.as_ref(),
            message_id: message_id.as_deref(),
        };
        let mut noticed = Noticed { failed: true, ..Noticed::default() };
        if !self.failed.is_empty() {
            let posted = self.failure(&subject, &self.failed).await;
            noticed.failed = posted.complete;
            noticed.stored.extend(posted.messages);
        }
        if !self.traced.is_empty() {
            let posted = self.bounce.trace(&self.cleanup, &subject, &self.traced).await;
            noticed.stored.extend(posted.messages);
        }
        match self.late {
            Late::Wait => {}
            Late::Warn => {
                let posted = self.bounce.delay(&self.cleanup, &subject, &self.delayed).await;
                noticed.warned = posted.complete;
                noticed.stored.extend(posted.messages);
            }
            Late::Expired => {
                let posted = self.failure(&subject, &self.delayed).await;
                noticed.expired = posted.complete;
                noticed.stored.extend(posted.messages);
            }
        }
        noticed
    }

    async fn failure(&self, subject: &Subject<'_>, items: &[Item]) -> Posted {
        match &self.envelope.verp {
            Some(delimiters) if self.verp => {
                self.bounce.failure_verp(&self.cleanup, subject, items, delimiters).await
            }
            _ => self.bounce.failure(&self.cleanup, subject, items).await,
        }
    }
}

/// The Message-ID of a message, with its angle brackets, from its first headers.
fn message_id(content: &StoredContent) -> Option<String> {
    let mut start = vec![0; 32 << 10];
    let n = content.read_at(0, &mut start).ok()?;
    let text = String::from_utf8_lossy(start.get(..n)?).into_owned();
    let headers = text.split("\n\n").next()?;
    let unfolded = headers.replace("\n ", " ").replace("\n\t", " ");
    let value = unfolded.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim_end().eq_ignore_ascii_case("message-id").then(|| value.trim().to_owned())
    })?;
    let value = value.split_whitespace().next()?.to_owned();
    (value.starts_with('<') && value.ends_with('>')).then_some(value)
}
