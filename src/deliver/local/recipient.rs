//! One recipient: loops and duplicates are stopped here, then aliases, forward files, mailbox and
//! what is left for unknown users are tried in this order.

use std::pin::Pin;
use std::time::Duration;

use super::attributes::{Attributes, Source, Subject};
use super::delivery::{DEPTH, Delivery, Retry};
use crate::ipc::worker::Work;
use crate::mail::address::{fold, same};
use crate::mail::outcome::Outcome;
use crate::mail::status::Status;
use crate::sys::spawn::Rights;

/// How many steps lead from a recipient to the next one. Loops of aliases and lists are found
/// within one, and have their own words.
const ROUND: u32 = 4;

/// The future of a step that may come round again.
pub(super) type Step<'a> = Pin<Box<dyn Future<Output = Retry> + Send + 'a>>;

impl Delivery {
    /// Delivers to a recipient.
    pub(super) fn recipient(&mut self, attributes: Attributes, subject: Subject) -> Step<'_> {
        Box::pin(self.recipient_step(attributes, subject))
    }

    async fn recipient_step(&mut self, mut attributes: Attributes, subject: Subject) -> Retry {
        attributes.depth += 1;
        let address = attributes.address.clone();
        if attributes.depth > DEPTH + ROUND {
            self.log.warning(format_args!("recipient nesting limit exceeded for {address}"));
            return self.say(&attributes, (5, 4, 6), "recipient nesting limit exceeded").await;
        }
        if self.seen(&format!("recipient {} {address}", attributes.depth)) {
            return false;
        }
        if self.is_loop(&address) {
            let text = format!("mail forwarding loop for {address}");
            let outcome = Outcome::own(Status::new(5, 4, 6), text);
            return self.fail(&attributes, outcome).await;
        }
        attributes.delivered.get_or_insert_with(|| address.clone());
        self.split(&mut attributes);
        if attributes.user.is_empty() {
            let text = format!("null username in \"{address}\"");
            return self.say(&attributes, (5, 1, 3), text).await;
        }
        self.switch(attributes, subject).await
    }

    /// Takes the address apart.
    fn split(&self, attributes: &mut Attributes) {
        let folded = fold(&attributes.address);
        let (local, domain) = match folded.rsplit_once('@') {
            Some((local, domain)) => (local, Some(domain)),
            None => {
                self.log.warning(format_args!("no @ in recipient address: {folded}"));
                (&*folded, None)
            }
        };
        attributes.domain = domain.map(str::to_owned);
        attributes.local = local.to_owned();
        let extensions = &self.settings().extensions;
        let (user, mut extension) = match extensions.delimiters.as_str() {
            "" => (local, None),
            _ => extensions.split(local),
        };
        if extension.is_some_and(|extension| extension.contains('/')) {
            let id = &self.request.queue_id;
            self.log.warning(format_args!("{id}: address with illegal extension: {local}"));
            extension = None;
            attributes.local = user.to_owned();
        }
        attributes.user = user.to_owned();
        attributes.extension = extension.map(str::to_owned);
        attributes.unmatched = attributes.extension.clone();
    }

    async fn switch(&mut self, mut attributes: Attributes, subject: Subject) -> Retry {
        attributes.depth += 1;
        if attributes.address.starts_with('\\') {
            // No aliases, no forward files.
            for text in [&mut attributes.address, &mut attributes.local, &mut attributes.user] {
                text.remove(0);
            }
            return self.mailbox_or_unknown(&attributes, &subject).await;
        }
        attributes.unmatched = None;
        let local = attributes.local.clone();
        if let Some(retry) = self.alias(&attributes, &subject, &local).await {
            return retry;
        }
        if attributes.extension.is_some() {
            if self.settings().propagate.alias {
                attributes.unmatched.clone_from(&attributes.extension);
            }
            let user = attributes.user.clone();
            if let Some(retry) = self.alias(&attributes, &subject, &user).await {
                return retry;
            }
            attributes.unmatched.clone_from(&attributes.extension);
        }
        // Other local users that an owned list or a forward file names get a message of their
        // own, with its own state in the queue; a loop of forwards then shows in `Delivered-To:`.
        let owned = attributes.owner.as_ref().is_some_and(|owner| !same(owner, &attributes.user));
        if owned || attributes.source == Some(Source::Include) {
            return self.indirect(&attributes).await;
        }
        if self.settings().require_home
            && let Some(retry) = self.home_is_missing(&attributes).await
        {
            return retry;
        }
        match self.forward(&attributes, &subject).await {
            Some(retry) => retry,
            None => self.mailbox_or_unknown(&attributes, &subject).await,
        }
    }

    pub(super) async fn mailbox_or_unknown(
        &mut self,
        attributes: &Attributes,
        subject: &Subject,
    ) -> Retry {
        match self.mailbox(attributes).await {
            Some(retry) => retry,
            None => self.unknown(attributes, subject).await,
        }
    }

    /// The failure if the user's home directory cannot be looked at (`require_home_directory`).
    async fn home_is_missing(&mut self, attributes: &Attributes) -> Option<Retry> {
        let user = match self.settings().users.named(&attributes.user) {
            Ok(user) => user?,
            Err(failed) => return Some(self.user_lookup_failed(attributes, &failed.0).await),
        };
        let rights = Rights { uid: user.uid, gid: user.gid, second_gid: None };
        let work = Work::CheckHome(user.home.clone());
        match self.work(rights, Vec::new(), work, Duration::from_secs(60)).await {
            Ok(_) => None,
            Err(refusal) => Some(self.report(attributes, refusal.into()).await),
        }
    }

    pub(super) async fn user_lookup_failed(&mut self, attributes: &Attributes, why: &str) -> Retry {
        self.log
            .warning(format_args!("error looking up passwd info for {}: {why}", attributes.user));
        self.say(attributes, (4, 0, 0), "user lookup error").await
    }
}
