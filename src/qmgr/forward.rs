//! Mail that local(8) sends on: a new message with the content of the old one; and messages that
//! an administrator puts through cleanup again.

use std::sync::Arc;

use super::event::Stored;
use super::settings::Settings;
use crate::cleanup::{Cleanup, Message, Origin, Refusal, Skip};
use crate::ipc::delivery::Forward;
use crate::log::Log;
use crate::mail::envelope::{Envelope, Recipient};
use crate::spool::{Location, Reader, StoredContent};

/// What it takes to make messages of other messages.
pub(super) struct Copier {
    pub(super) cleanup: Arc<Cleanup>,
    pub(super) reader: Arc<Reader>,
    pub(super) settings: Arc<Settings>,
    pub(super) log: Log,
}

impl Copier {
    /// Queues forwards of one message, and logs each as local(8) does.
    pub(super) async fn forward(
        &self,
        location: Location,
        envelope: &Envelope,
        forwards: Vec<Forward>,
    ) -> Result<Stored, (Stored, String)> {
        let mut stored = Vec::new();
        let content = match self.reader.content(location) {
            Ok(content) => content,
            Err(error) => return Err((stored, error.to_string())),
        };
        for forward in forwards {
            let line = forward.line.clone();
            match self.forward_one(&content, envelope, forward).await {
                Ok((id, new)) => {
                    let log = self.log.speaking_as(&line.tag, line.number);
                    if !line.start.is_empty() {
                        log.info(format_args!("{}{id})", line.start));
                    }
                    stored.extend(new);
                }
                Err(refusal) => return Err((stored, refusal.text)),
            }
        }
        Ok(stored)
    }

    async fn forward_one(
        &self,
        content: &StoredContent,
        envelope: &Envelope,
        forward: Forward,
    ) -> Result<(String, Option<(Location, Box<Envelope>)>), Refusal> {
        let mut message = self.cleanup.begin(Origin::Forwarded, Skip::default(), &self.log);
        let id = message.queue_id().to_string();
        message.sender(&forward.sender);
        copy_attributes(envelope, &mut message.envelope);
        let now = crate::sys::now() / 1_000_000;
        message.prepend(&format!(
            "Received: by {} ({})\n\tid {id}; {}",
            self.settings.hostname,
            self.settings.mail_name,
            crate::sys::date::mail_date(now)
        ));
        if !forward.delivered_to.is_empty() {
            message.prepend(&format!("Delivered-To: {}", forward.delivered_to));
        }
        for to in forward.recipients {
            let recipient = Recipient {
                address: to.address,
                original: to.original,
                dsn_orcpt: to.dsn_orcpt,
                notify: to.notify,
            };
            message.recipient(recipient).await;
        }
        copy_content(content, &mut message).await;
        message.finish_here().await.map(|stored| (id, stored))
    }

    /// `postsuper -r`: the message goes through cleanup again, with the recipients that are left.
    pub(super) async fn requeue(
        &self,
        location: Location,
        done: impl Fn(u32) -> bool,
    ) -> Option<(Location, Box<Envelope>)> {
        let stored = match self.reader.open(location) {
            Ok(stored) => stored,
            Err(error) => {
                self.log.warning(format_args!("{error}"));
                return None;
            }
        };
        let old = stored.envelope;
        let mut message = self.cleanup.begin(Origin::Local, Skip::default(), &self.log);
        let id = message.queue_id();
        let sender = crate::mail::address::quote_822(&old.sender);
        let (log, old_id) = (self.log.of_program("pickup"), old.queue_id.unwrap_or(id));
        let uid = nix::unistd::getuid();
        log.info(format_args!("{id}: uid={uid} from=<{sender}> orig_id={old_id}"));
        message.sender(&old.sender);
        copy_attributes(&old, &mut message.envelope);
        message.envelope.created = if old.created.0 == 0 { old.arrival } else { old.created };
        let now = crate::sys::now() / 1_000_000;
        message.prepend(&format!(
            "Received: by {} ({}, from userid {uid})\n\tid {id}; {}",
            self.settings.hostname,
            self.settings.mail_name,
            crate::sys::date::mail_date(now)
        ));
        for (index, recipient) in (0..).zip(old.recipients) {
            if !done(index) {
                message.recipient(recipient).await;
            }
        }
        copy_content(&stored.content, &mut message).await;
        match message.finish_here().await {
            Ok(stored) => stored,
            Err(refusal) => {
                self.log.warning(format_args!("{old_id}: requeue failed: {}", refusal.text));
                None
            }
        }
    }
}

/// What a copy keeps of the envelope.
fn copy_attributes(from: &Envelope, to: &mut Envelope) {
    to.sender_name.clone_from(&from.sender_name);
    to.envid.clone_from(&from.envid);
    to.ret = from.ret;
    to.body = from.body;
    to.smtputf8 = from.smtputf8;
    to.utf8_header = from.utf8_header;
    to.tls_wish = from.tls_wish;
    to.rewrite_context = from.rewrite_context;
    to.client.clone_from(&from.client);
    to.sasl.clone_from(&from.sasl);
    to.trace = from.trace;
}

/// Copies the content in pieces.
async fn copy_content(content: &StoredContent, message: &mut Message) {
    let mut buffer = vec![0; 64 << 10];
    let mut position = 0;
    while let Ok(n) = content.read_at(position, &mut buffer)
        && n > 0
    {
        position += n as u64;
        message.content(buffer.get(..n).unwrap_or_default()).await;
    }
}
