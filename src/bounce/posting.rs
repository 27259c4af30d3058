//! The notices about one message: who gets one, and how it gets into the queue.

use std::sync::Arc;

use super::report::Report;
use super::returned::copy;
use super::template::Class;
use super::{Bounce, Item, Posted, Subject, same};
use crate::cleanup::{Cleanup, Origin, Refusal, Skip};
use crate::mail::envelope::{Envelope, Notify, Recipient, Ret, TlsWish};
use crate::spool::Location;

/// How one notice ended.
enum Sent {
    /// It is in the queue (or a check discarded it).
    Yes(Option<(Location, Box<Envelope>)>),
    /// Nobody in it wanted to be told.
    Nobody,
    No(Refusal),
}

/// What a notice is about.
#[derive(Clone, Copy)]
struct About<'a> {
    bounce: &'a Bounce,
    cleanup: &'a Arc<Cleanup>,
    subject: &'a Subject<'a>,
    items: &'a [Item],
    class: Class,
}

impl<'a> About<'a> {
    fn report(self, to: &'a str, filter: Option<Notify>, ret: Ret) -> Report<'a> {
        Report {
            class: self.class,
            settings: &self.bounce.settings,
            config: &self.bounce.config,
            template: self.bounce.templates.of(self.class),
            subject: self.subject,
            items: self.items,
            filter,
            to,
            postmaster: false,
            ret,
            now: crate::sys::now() / 1_000_000,
        }
    }

    fn warn(self, text: std::fmt::Arguments<'_>) {
        self.bounce.log.warning(format_args!("{}: {text}", self.subject.queue_id));
    }
}

/// Who hears of a failure or a delay, and how much.
pub(super) struct Told<'a> {
    /// The sender hears of recipients that want this.
    pub(super) filter: Notify,
    /// How much of the message the sender gets back.
    pub(super) ret: Ret,
    /// What the log calls it.
    pub(super) what: &'a str,
    /// The postmaster who gets a copy.
    pub(super) postmaster: Option<&'a String>,
    /// The postmaster who hears of it where there is no sender: about a notice.
    pub(super) double: Option<&'a String>,
}

/// The notices about one message.
pub(super) struct Posting<'a> {
    about: About<'a>,
    pub(super) done: Posted,
}

impl<'a> Posting<'a> {
    pub(super) fn new(
        bounce: &'a Bounce,
        cleanup: &'a Arc<Cleanup>,
        subject: &'a Subject<'a>,
        items: &'a [Item],
        class: Class,
    ) -> Self {
        let about = About { bounce, cleanup, subject, items, class };
        Self { about, done: Posted { messages: Vec::new(), complete: true } }
    }

    /// Tells the sender, or the postmaster about a notice; nobody about a notice to the
    /// postmaster.
    pub(super) async fn tell(mut self, sender: &str, told: &Told<'_>) -> Posted {
        if same(sender, &self.about.bounce.settings.double_bounce) {
            self.about.warn(format_args!("undeliverable postmaster notification discarded"));
        } else if sender.is_empty() {
            if let Some(to) = told.double {
                self.postmaster(to, Ret::Full, true).await;
            }
        } else {
            self.sender(sender, told.filter, told.ret, told.what).await;
            if let Some(to) = told.postmaster
                && self.done.complete
            {
                self.postmaster(to, Ret::Headers, false).await;
            }
        }
        self.done
    }

    /// A notice to the sender of the message.
    async fn sender(&mut self, to: &str, filter: Notify, ret: Ret, what: &str) {
        let line = format!("sender {what} notification");
        let sent = self.about.post("", &line, self.about.report(to, Some(filter), ret)).await;
        self.critical(sent, to);
    }

    /// A delivery status notice.
    pub(super) async fn status(&mut self, from: &str, to: &str) {
        let line = "sender delivery status notification";
        let report = self.about.report(to, None, Ret::Headers);
        let sent = self.about.post(from, line, report).await;
        self.critical(sent, to);
    }

    fn critical(&mut self, sent: Sent, to: &str) {
        match sent {
            Sent::Yes(stored) => self.done.messages.extend(stored),
            Sent::Nobody => {}
            Sent::No(refusal) => {
                self.done.complete = false;
                let text = refusal.text;
                self.about.warn(format_args!("sender notification failed to {to}: {text}"));
            }
        }
    }

    /// A notice to the postmaster; one that is `critical` must get through.
    async fn postmaster(&mut self, to: &str, ret: Ret, critical: bool) {
        let about = self.about;
        let delay = about.class == Class::Delay;
        let what = if delay { "delay" } else { "non-delivery" };
        let line = format!("postmaster {what} notification");
        let report = Report { postmaster: true, ..about.report(to, None, ret) };
        let from = &about.bounce.settings.double_bounce;
        match about.post(from, &line, report).await {
            Sent::Yes(stored) => self.done.messages.extend(stored),
            Sent::Nobody => {}
            Sent::No(refusal) if critical => {
                self.done.complete = false;
                about.warn(format_args!("postmaster notification failed: {}", refusal.text));
            }
            Sent::No(_) => {
                let doing = if delay { "warning" } else { "bouncing to" };
                let sender = &about.subject.envelope.sender;
                about.warn(format_args!("postmaster notice failed while {doing} {sender}"));
            }
        }
    }
}

impl About<'_> {
    /// Writes one notice and puts it into the queue; `line` is what the log says of it.
    async fn post(self, from: &str, line: &str, report: Report<'_>) -> Sent {
        if report.named().next().is_none() {
            return Sent::Nobody;
        }
        let bounce = self.bounce;
        let settings = &bounce.settings;
        let mut message = self.cleanup.begin(Origin::Internal, Skip::default(), &bounce.log);
        let id = message.queue_id();
        bounce.log.info(format_args!("{}: {line}: {id}", self.subject.queue_id));
        message.sender(from);
        message.envelope.smtputf8 = self.subject.envelope.smtputf8;
        if self.subject.envelope.tls_wish.is_required() && !settings.redact_require_tls {
            message.envelope.tls_wish = TlsWish::REQUIRED;
        }
        message.envelope.internal = true;
        let date = crate::sys::date::mail_date(report.now);
        message.prepend(&format!(
            "Received: by {} ({})\n\tid {id}; {date}",
            settings.hostname, settings.mail_name
        ));
        message.prepend(&format!("Date: {date}"));
        let to = Recipient { address: report.to.to_owned(), ..Recipient::default() };
        message.recipient(to).await;
        message.content(report.head().as_bytes()).await;
        if let Some(content) = self.subject.content
            && let Err(error) = copy(content, report.headers_only(), &mut message).await
        {
            self.warn(format_args!("read queue file: {error}"));
        }
        message.content(report.tail().as_bytes()).await;
        match message.finish_here().await {
            Ok(stored) => Sent::Yes(stored),
            Err(refusal) => Sent::No(refusal),
        }
    }
}
