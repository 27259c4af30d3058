//! Envelope addresses: completed, mapped, expanded, and bcc recipients added.

use super::mapping::Whose;
use super::settings::{LogForm, Table};
use super::{Errors, Message};
use crate::ipc::delivery::{Request, To};
use crate::lookup::{Found, TableError};
use crate::mail::address;
use crate::mail::envelope::{Notify, Recipient, RewriteContext, Timestamp};
use crate::mail::status::Status;
use crate::service::agent::Delays;
use crate::service::delivery_line::Line;

/// Below this many recipients duplicates are looked for one by one.
const FEW: usize = 16;

impl Message {
    /// Completes and maps the sender, once; then its bcc.
    pub(super) async fn settle_sender(&mut self) {
        let Some(raw) = self.raw_sender.take() else { return };
        self.take_sender(&raw).await;
        if self.emulates_milters() {
            Box::pin(self.emulate_mail()).await;
        }
    }

    /// A sender, internal form: that of the submission, or one that a milter wants instead.
    pub(super) async fn take_sender(&mut self, raw: &str) {
        let mut sender = self.complete(raw);
        if starts_with_daemon(&sender) && address::same(&sender, &self.complete("MAILER-DAEMON")) {
            sender.clear();
        }
        if self.maps_addresses(Whose::EnvelopeSender) {
            self.map_address(Whose::EnvelopeSender, &mut sender).await;
        }
        if !sender.is_ascii() && self.stage.settings.smtputf8 && self.flags.detect_utf8 {
            self.envelope.smtputf8 = true;
        }
        self.envelope.sender = sender;
        let stage = self.stage.clone();
        if let Some(table) = &stage.settings.sender_bcc
            && self.flags.bcc
            && !self.envelope.sender.is_empty()
        {
            let sender = self.envelope.sender.clone();
            self.bcc_by_table(table, &sender).await;
        }
    }

    pub(super) async fn take_recipient(&mut self, mut recipient: Recipient) {
        let stage = self.stage.clone();
        let was_empty = recipient.address.is_empty();
        let raw = if was_empty {
            stage.settings.empty_recipient.clone()
        } else {
            std::mem::take(&mut recipient.address)
        };
        let mut completed = self.complete(&raw);
        if recipient.original.is_empty() && !was_empty {
            recipient.original = raw;
        }
        self.settle_recipient(&mut completed).await;
        if recipient.dsn_orcpt.is_empty() && !completed.is_empty() {
            let utf8 = !completed.is_ascii() && self.envelope.smtputf8;
            recipient.dsn_orcpt = format!("{};{completed}", if utf8 { "utf-8" } else { "rfc822" });
        }
        self.put_recipient(recipient, &completed).await;
        self.last_recipient = Some(completed);
        if let Some(table) = &stage.settings.recipient_bcc
            && self.flags.bcc
            && let Some(recipient) = self.last_recipient.clone().filter(|r| !r.is_empty())
        {
            self.bcc_by_table(table, &recipient).await;
        }
        if self.milters.is_some() {
            Box::pin(self.emulate_rcpt()).await;
        }
    }

    /// An address in internal form, completed as local addresses are.
    fn complete(&self, address: &str) -> String {
        self.stage.rewrite.rewrite(RewriteContext::Local, address)
    }

    async fn settle_recipient(&mut self, address: &mut String) {
        if self.maps_addresses(Whose::EnvelopeRecipient) {
            self.map_address(Whose::EnvelopeRecipient, address).await;
        }
        if !address.is_ascii() && self.stage.settings.smtputf8 && self.flags.detect_utf8 {
            self.envelope.smtputf8 = true;
        }
    }

    /// Adds a bcc recipient: a local matter, so it is completed as local addresses are.
    pub(super) async fn add_bcc(&mut self, bcc: &str) {
        self.add_bcc_dsn(bcc, String::new(), Notify::default()).await;
    }

    /// The same with what the sender wants to hear about it.
    pub(super) async fn add_bcc_dsn(&mut self, bcc: &str, dsn_orcpt: String, notify: Notify) {
        let mut address = self.complete(bcc);
        self.settle_recipient(&mut address).await;
        let original = address.clone();
        let recipient = Recipient { original, dsn_orcpt, notify, ..Recipient::default() };
        self.put_recipient(recipient, &address).await;
    }

    /// Takes back all recipients that the client called `address` (internal form).
    pub(super) fn delete_recipient(&mut self, address: &str) {
        let before = self.envelope.recipients.len();
        self.envelope.recipients.retain(|recipient| {
            let called = match recipient.original.as_str() {
                "" => &recipient.address,
                original => original,
            };
            called != address
        });
        let gone = before - self.envelope.recipients.len();
        self.envelope.deleted_recipients += u32::try_from(gone).unwrap_or(u32::MAX);
        // Made anew from those that are left.
        self.seen.clear();
    }

    async fn bcc_by_table(&mut self, table: &Table, address: &str) {
        match self.find_bcc(table, address).await {
            Ok(Some(found)) => {
                // Taken as it stands, quotes and all: so it has always been for these tables.
                self.add_bcc(&found.value).await;
            }
            Ok(None) => {}
            Err(_) => {
                self.log.warning(format_args!(
                    "{}: {} map lookup problem -- message not accepted, try again later",
                    self.queue_id, table.parameter
                ));
                self.errors.add(Errors::WRITE);
            }
        }
    }

    async fn find_bcc(&self, table: &Table, address: &str) -> Result<Option<Found>, TableError> {
        let rules = self.stage.rewrite.address_rules(address).await?;
        table.maps.find_address(address, &rules).await
    }

    /// Virtual aliases, then the recipients themselves.
    async fn put_recipient(&mut self, mut recipient: Recipient, address: &str) {
        let stage = self.stage.clone();
        let Some(table) = stage.settings.mapping.virtual_alias.as_ref().filter(|_| self.flags.map)
        else {
            self.put_once(recipient, address.to_owned());
            return;
        };
        let expanded = self.expand(table, address).await;
        if expanded.len() > 1 && self.envelope.trace.verify {
            recipient.address = address.to_owned();
            self.log_deliverable(&recipient);
            self.expanded.push(recipient);
            return;
        }
        let is_alias = expanded.len() > 1 || expanded.first().is_none_or(|a| a != address);
        if is_alias && recipient.notify.has(Notify::SUCCESS) {
            // The sender hears that the alias was expanded; not that each member got it.
            self.envelope
                .aliases
                .push(Recipient { address: address.to_owned(), ..recipient.clone() });
            recipient.notify = match recipient.notify {
                Notify::SUCCESS => Notify::NEVER,
                Notify(other) => Notify(other & !Notify::SUCCESS.0),
            };
        }
        for address in expanded {
            self.put_once(recipient.clone(), address);
        }
    }

    /// The line of a recipient that a probe need not follow any further.
    fn log_deliverable(&self, recipient: &Recipient) {
        let now = Timestamp(crate::sys::now());
        let request = Request {
            queue_id: self.queue_id,
            arrival: self.envelope.arrival,
            activated: now,
            ..Request::default()
        };
        let to = To {
            address: recipient.address.clone(),
            original: recipient.original.clone(),
            ..To::default()
        };
        let line = Line {
            request: &request,
            to: &to,
            relay: "none",
            delays: Delays::until_now(now),
            tls: "",
            status: Status::new(2, 0, 0),
            word: "deliverable",
            text: "aliased to multiple recipients",
        };
        let settings = &self.stage.settings;
        let quoted = settings.log_addresses_quoted == LogForm::External;
        self.log.info(format_args!("{}", line.text(settings.delay_decimals, quoted)));
    }

    /// Adds a recipient unless it is there already.
    fn put_once(&mut self, mut recipient: Recipient, address: String) {
        recipient.address = address;
        if !self.is_duplicate(&recipient) {
            self.envelope.recipients.push(recipient);
        }
    }

    fn is_duplicate(&mut self, new: &Recipient) -> bool {
        let with_original = self.stage.settings.original_recipient;
        let limit = self.stage.settings.duplicate_limit;
        let known = &self.envelope.recipients;
        if known.len() < FEW && (limit == 0 || known.len() < limit) {
            return known.iter().any(|old| same_recipient(old, new, with_original));
        }
        if self.seen.is_empty() {
            self.seen.extend(known.iter().map(|old| duplicate_key(old, with_original)));
        }
        let key = duplicate_key(new, with_original);
        if self.seen.contains(&key) {
            return true;
        }
        if limit == 0 || self.seen.len() < limit {
            self.seen.insert(key);
        }
        false
    }
}

fn starts_with_daemon(address: &str) -> bool {
    address.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("MAILER-DAEMON@"))
}

fn same_recipient(a: &Recipient, b: &Recipient, with_original: bool) -> bool {
    address::same(&a.address, &b.address)
        && (!with_original
            || (a.notify == b.notify
                && address::same(&a.dsn_orcpt, &b.dsn_orcpt)
                && address::same(&a.original, &b.original)))
}

fn duplicate_key(recipient: &Recipient, with_original: bool) -> String {
    let key = if with_original {
        format!(
            "{}\n{}\n{}\n{}",
            recipient.dsn_orcpt, recipient.notify.0, recipient.original, recipient.address
        )
    } else {
        recipient.address.clone()
    };
    address::fold(&key).into_owned()
}
