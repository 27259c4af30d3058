//! The end of a message: last recipients, the verdict, the spool, qmgr.

use std::sync::Arc;

use super::{Errors, Message, Reason, Refusal, Verdict};
use crate::filter::{Client, Milters};
use crate::mail::envelope::{Envelope, Recipient, Ret};
use crate::mail::status::Status;
use crate::spool::{Location, SpoolError};

impl Message {
    /// Finishes: last checks, then the spool, then qmgr. Returns when the message is on disk.
    pub async fn finish(self) -> Verdict {
        self.finish_filtered(None).await
    }

    /// As [`Message::finish`], after the milters of an SMTP session have looked at it.
    pub async fn finish_filtered(mut self, milters: Option<(&mut Milters, &Client)>) -> Verdict {
        self.conclude(milters).await;
        let queue = self.stage.queue.clone();
        match self.commit().await {
            Ok(Some((location, envelope))) => {
                if let Some(queue) = queue {
                    queue.stored(location, envelope);
                }
                Verdict::Queued
            }
            Ok(None) => Verdict::Queued,
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    /// As [`Message::finish`], for qmgr: the record's place and envelope come back instead of
    /// being sent. Nothing comes back for a message that a check discarded.
    pub async fn finish_here(mut self) -> Result<Option<(Location, Box<Envelope>)>, Refusal> {
        self.conclude(None).await;
        self.commit().await
    }

    /// Everything that may still change the message or refuse it.
    async fn conclude(&mut self, milters: Option<(&mut Milters, &Client)>) {
        self.settle_sender().await;
        self.take_prepended().await;
        self.end_of_content().await;
        self.judge_mime();
        if self.goes_on() {
            self.last_recipients().await;
        }
        match milters {
            Some((milters, client)) if self.milters_may_look() => {
                Box::pin(self.inspect(milters, client, None)).await;
            }
            Some(_) => {}
            None => Box::pin(self.end_emulation()).await,
        }
    }

    async fn last_recipients(&mut self) {
        let stage = self.stage.clone();
        if self.last_recipient.is_some() {
            if self.flags.bcc && !stage.settings.always_bcc.is_empty() {
                self.add_bcc(&stage.settings.always_bcc).await;
            }
            for bcc in std::mem::take(&mut self.bcc) {
                self.add_bcc(&bcc).await;
            }
        } else {
            self.errors.add(Errors::NO_RECIPIENTS);
        }
    }

    /// Whether the submitter is gone, so that a refusal must become a bounce.
    fn returns_to_sender(&self) -> bool {
        self.flags.bounce && !self.errors.is_none() && !self.errors.any(Errors::CANNOT_RETURN)
    }

    /// The message is stored after all, only for qmgr to return it. What was refused for its
    /// content is not sent back whole.
    fn prepare_return(&mut self) {
        let refusal = self.refusal();
        if self.envelope.recipients.is_empty() {
            let nobody = Recipient { address: "unknown".into(), ..Recipient::default() };
            self.envelope.recipients.push(nobody);
        }
        self.envelope.refused = Some(format!("{} {}", refusal.status, refusal.text));
        if self.errors.any(Errors::CONTENT_OR_SIZE) {
            self.envelope.ret = Some(Ret::Headers);
        }
        self.envelope.hold = false;
        self.envelope.redirect = None;
    }

    async fn commit(mut self) -> Result<Option<(Location, Box<Envelope>)>, Refusal> {
        if self.flags.discard {
            return Ok(None);
        }
        if self.returns_to_sender() {
            self.prepare_return();
        } else if !self.errors.is_none() {
            return Err(self.refusal());
        }
        self.envelope.size = self.store.size();
        self.envelope.content_length = self.store.length();
        let writer = Arc::clone(&self.stage.writer);
        let envelope = Box::new(self.envelope);
        let stored = match self.store.finish(&writer) {
            Ok(content) => writer.append(&envelope, content).await,
            Err(error) => Err(error),
        };
        match stored {
            Ok(location) => Ok(Some((location, envelope))),
            Err(error) => {
                self.log.warning(format_args!("{}: {error}", self.queue_id));
                Err(write_refusal(&error))
            }
        }
    }

    /// The refusal that the errors so far amount to; the most serious one counts.
    pub(super) fn refusal(&self) -> Refusal {
        let own = |reason, status: (u8, u16, u16), text: &str| Refusal {
            reason,
            status: Status::new(status.0, status.1, status.2),
            text: text.to_owned(),
        };
        if let Some(reply) = self.smtp_reply.as_ref().filter(|_| self.flags.smtp_replies) {
            let status = reply.get(4..).and_then(|text| Status::split(text).0);
            return Refusal {
                reason: Reason::Content,
                status: status.unwrap_or(Status::new(5, 0, 0)),
                text: reply.clone(),
            };
        }
        if let Some(SpoolError::Full(_)) = &self.store.failed {
            return own(Reason::Full, (4, 3, 1), "insufficient system storage");
        }
        let fallback = if self.errors.any(Errors::DEFER) {
            let reason = match &self.reason {
                Some(text) if text.starts_with("4.6.0 Alias") => Reason::Mapping,
                _ => Reason::Content,
            };
            own(reason, (4, 7, 1), "service unavailable")
        } else if self.errors.any(Errors::BAD) {
            return own(Reason::Internal, (4, 3, 0), "internal protocol error");
        } else if self.errors.any(Errors::NO_RECIPIENTS) {
            return own(Reason::NoRecipients, (5, 1, 0), "no recipients specified");
        } else if self.errors.any(Errors::HOPS) {
            return own(Reason::TooManyHops, (5, 4, 0), "too many hops");
        } else if self.errors.any(Errors::SIZE) {
            return own(Reason::TooBig, (5, 3, 4), "message file too big");
        } else if self.errors.any(Errors::CONTENT) {
            own(Reason::Content, (5, 7, 1), "message content rejected")
        } else {
            return own(Reason::Write, (4, 3, 0), "queue file write error");
        };
        match self.reason.as_deref().map(Status::split) {
            Some((Some(status), text)) => {
                Refusal { reason: fallback.reason, status, text: text.to_owned() }
            }
            // A milter's reply need not have a status.
            Some((None, text)) if self.smtp_reply.is_some() => Refusal {
                reason: fallback.reason,
                status: Status::new(fallback.status.class, 0, 0),
                text: text.to_owned(),
            },
            _ => fallback,
        }
    }
}

fn write_refusal(error: &SpoolError) -> Refusal {
    match error {
        SpoolError::Full(_) => Refusal {
            reason: Reason::Full,
            status: Status::new(4, 3, 1),
            text: "insufficient system storage".into(),
        },
        SpoolError::Failed(_) | SpoolError::Damaged(_) => Refusal {
            reason: Reason::Write,
            status: Status::new(4, 3, 0),
            text: "queue file write error".into(),
        },
    }
}
