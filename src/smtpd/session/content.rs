//! What DATA and BDAT have in common: the headers that we put before the content, and the verdict
//! on the whole message.

use tokio::sync::OwnedSemaphorePermit;

use super::parameter::MailParameters;
use super::{Done, Session, received};
use crate::cleanup::{Reason, Refusal, Verdict};
use crate::mail::envelope::{Notify, Recipient};
use crate::smtpd::dialogue::stage;
use crate::smtpd::draft::Draft;
use crate::smtpd::fault::Faults;
use crate::wire::smtp_data::{Chunks, Limits, Tally};

/// What has come in of a message besides its recipients.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    /// Of MAIL.
    pub parameters: MailParameters,
    /// Where BDAT stands.
    pub chunks: ChunkState,
    /// Bytes that are read but not counted, when the connection breaks.
    pub unread: u64,
    /// The transaction's part of `smtpd_memory_limit`.
    pub memory: Option<OwnedSemaphorePermit>,
}

/// Where BDAT stands.
#[derive(Debug, Default)]
pub(super) enum ChunkState {
    /// No BDAT yet.
    #[default]
    None,
    /// All well so far.
    Going(Box<Chunks>),
    /// One failed: the others are skipped until the last one, or RSET.
    Failed,
}

impl Incoming {
    /// BDAT has been used in this transaction.
    pub(super) const fn in_chunks(&self) -> bool {
        !matches!(self.chunks, ChunkState::None)
    }
}

impl Session {
    /// How content is to be read for this client.
    pub(super) fn content_limits(&self) -> Limits {
        let limits = &self.service.settings.limits;
        Limits { line: limits.line, size: limits.message_size, bare_lf: self.bare_lf }
    }

    /// Puts headers before the content.
    pub(super) async fn start_content(&mut self) {
        if self.filter.is_some() {
            self.start_filtering().await;
            return;
        }
        let header = received::header(&self.talk, &self.service.settings);
        if let Some(message) = &mut self.message {
            for line in &self.talk.wishes.prepend {
                message.prepend(line);
            }
            message.prepend(&header);
        }
    }

    /// Passes content on; nothing is stored of what is refused already.
    pub(super) async fn take_content(&mut self, out: &mut Vec<u8>) {
        // What is thrown away anyway is not looked at.
        if out.is_empty() || self.talk.wishes.discard {
            out.clear();
            return;
        }
        if let Some(message) = self.message.as_mut().filter(|message| message.refused().is_none()) {
            message.content(out).await;
        } else if self.filter.is_some() {
            Box::pin(self.filter_content(out)).await;
        }
        out.clear();
    }

    /// Takes over what has been counted; says so when the message has just become too big.
    pub(super) fn counted(&mut self, before: Tally, tally: Tally) {
        self.talk.received_size = tally.size;
        self.noted_bare_lf |= tally.noted;
        if tally.too_big && !before.too_big {
            self.log
                .warning(format_args!("{}: queue file size limit exceeded", self.talk.queue_id));
        }
    }

    /// Bytes of content that the client had sent when it went away: whole lines, and what is
    /// there of a chunk.
    pub(super) const fn content_seen(&self) -> u64 {
        self.talk.received_size + self.incoming.unread
    }

    /// The last byte has come: is the message taken?
    pub(super) async fn end_of_message(&mut self, tally: Tally) -> Done {
        let is_clean = !tally.too_big && !tally.rejected;
        if is_clean && let Some(reply) = self.checks().end_of_data().await? {
            self.reply(&reply).await?;
            self.message_over().await;
            return Ok(false);
        }
        if self.filter.is_some() {
            return Box::pin(self.end_of_filtered(tally)).await;
        }
        let outcome = if is_clean { self.commit().await } else { Ok(()) };
        let taken = is_clean && outcome.is_ok();
        let in_chunks = self.incoming.in_chunks();
        if taken {
            self.errors = 0;
            self.junk = 0;
            self.talk.faults = Faults::NONE;
            let (size, id) = (self.talk.received_size, self.talk.queue_id);
            let reply = if in_chunks {
                format!("250 2.0.0 Ok: {size} bytes queued as {id}")
            } else {
                format!("250 2.0.0 Ok: queued as {id}")
            };
            self.reply(&reply).await?;
        } else if tally.rejected {
            self.refuse_bare_lf().await?;
        } else if tally.too_big {
            let refusal = (Faults::BOUNCE, "552 5.3.4 Error: message file too big".to_owned());
            self.refuse(refusal).await?;
        } else if let Err(refusal) = outcome {
            self.refuse(refusal_reply(&refusal)).await?;
        }
        self.message_over().await;
        Ok(taken)
    }

    pub(super) async fn message_over(&mut self) {
        let threshold = self.service.settings.limits.history;
        self.flush_history(threshold, None).await;
        self.reset_mail();
        self.reset_recipients();
    }

    /// Hands the message to cleanup for good. Returns when it is on disk.
    async fn commit(&mut self) -> Result<(), Refusal> {
        let mut message = match self.message.take() {
            Some(Draft::Queue(message)) => message,
            Some(Draft::Maildrop(submission)) => return submission.finish(&self.log),
            None => return Ok(()),
        };
        let wishes = std::mem::take(&mut self.talk.wishes);
        if wishes.discard {
            return Ok(());
        }
        message.envelope.hold |= wishes.hold;
        // Header and body checks have the last word. A filter that is not that of the
        // configuration is theirs.
        if wishes.filter.is_some()
            && message.envelope.filter == self.service.settings.content_filter
        {
            message.envelope.filter = wishes.filter;
        }
        if message.envelope.redirect.is_none() {
            message.envelope.redirect = wishes.redirect;
        }
        for (index, address) in wishes.bcc.into_iter().enumerate() {
            // Postfix writes NOTIFY=NEVER behind each of them, where it counts for the next one:
            // an address that was asked for twice gets two copies.
            let notify = if index == 0 { Notify::default() } else { Notify::NEVER };
            let bcc = Recipient { address, notify, ..Recipient::default() };
            Box::pin(message.recipient(bcc)).await;
        }
        match self.finish_message(message).await {
            Verdict::Queued => Ok(()),
            Verdict::Refused(refusal) => Err(refusal),
        }
    }

    /// Checks before the first byte of content; the reply if there is to be none.
    pub(super) async fn content_refused(
        &mut self,
        command: &str,
    ) -> Result<Option<String>, super::End> {
        if let Some(reply) = self.checks().data().await? {
            return Ok(Some(reply));
        }
        if let Some(reply) = self.milters_data().await {
            return Ok(Some(reply));
        }
        Ok(self.filter_data(command).await)
    }

    /// Where the session stands while content comes in.
    pub(super) fn enter(&mut self, stage: &'static str) {
        debug_assert!(
            [stage::DATA_CONTENT, stage::BDAT_CONTENT, stage::END_OF_MESSAGE].contains(&stage)
        );
        self.talk.stage = stage;
    }
}

/// The reply to a message that cleanup does not take.
fn refusal_reply(refusal: &Refusal) -> (Faults, String) {
    let Refusal { reason, status, text } = refusal;
    match reason {
        // A complete reply, from a check or filter that gave one.
        Reason::Content if is_reply(text) => (Faults::POLICY, text.clone()),
        Reason::Content if text.is_empty() => {
            (Faults::POLICY, "550 5.7.1 Error: message content rejected".into())
        }
        Reason::Content | Reason::Mapping if status.class == 4 => {
            (Faults::POLICY, format!("451 {status} {text}"))
        }
        Reason::Content => (Faults::POLICY, format!("550 {status} {text}")),
        Reason::TooBig => (Faults::BOUNCE, "552 5.3.4 Error: message file too big".into()),
        Reason::TooManyHops => (Faults::BOUNCE, "554 5.4.0 Error: too many hops".into()),
        Reason::Write | Reason::Mapping => {
            (Faults::RESOURCE, "451 4.3.0 Error: queue file write error".into())
        }
        Reason::Full => (Faults::RESOURCE, "452 4.3.1 Insufficient system storage".into()),
        Reason::NoRecipients | Reason::Internal => {
            (Faults::SOFTWARE, "451 4.3.0 Error: internal error 1".into())
        }
    }
}

fn is_reply(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.first(), Some(b'4' | b'5'))
        && bytes.get(1..3).is_some_and(|two| two.iter().all(u8::is_ascii_digit))
        && matches!(bytes.get(3), None | Some(b' ' | b'-'))
}
