//! A file or maildir that an alias, a forward file or a list names.

use super::attributes::{Attributes, Subject};
use super::delivery::{Delivery, Retry};
use super::mailbox::TIME;
use crate::ipc::worker::{Locking, Mailbox, MailboxKind, Refusal, Work};
use crate::mail::outcome::Outcome;
use crate::mail::status::Status;

impl Delivery {
    /// Appends to the file, or adds to the maildir if its name ends in `/`.
    pub(super) async fn file(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
        path: &str,
    ) -> Retry {
        if self.seen(&format!("file {} {path}", subject.uid)) {
            return false;
        }
        if !self.settings().files_from.has(attributes.source) {
            let outcome = Outcome::own(Status::new(5, 7, 1), "mail to file is restricted");
            return self.fail(attributes, outcome).await;
        }
        if self.is_trace() {
            return self.would(attributes, format!("delivers to file: {path}")).await;
        }
        let rights = subject.rights(self.settings().default_rights);
        let is_maildir = path.ends_with('/');
        let work = if is_maildir {
            self.maildir_work(attributes, path.to_owned())
        } else {
            let work = self.file_work(attributes, path.to_owned(), MailboxKind::Destination, false);
            let locking = Locking { dotlock_may_fail: true, ..work.locking };
            Work::Mailbox(Box::new(Mailbox { locking, ..work }))
        };
        match self.work(rights, Vec::new(), work, TIME).await {
            Ok(_) => {
                let text = match is_maildir {
                    true => "delivered to maildir".to_owned(),
                    false => format!("delivered to file: {path}"),
                };
                self.say(attributes, (2, 0, 0), text).await
            }
            Err(refusal) if is_maildir => {
                let refusal = self.settings().crew.maildir_refusal(&self.log, rights, refusal);
                self.report(attributes, refusal.into()).await
            }
            Err(refusal) => {
                let text = format!("cannot append message to file {path}: {}", refusal.text);
                self.fail(attributes, Refusal { text, ..refusal }.into()).await
            }
        }
    }
}
