//! bounce(8) as a library: composes delivery status notices (RFC 3464) in Postfix's form and
//! puts them into the queue.
//!
//! Who is told what: the sender hears of failures, delays and, if asked, of success; nobody is
//! told about a notice that could not be delivered except the postmaster, and about that nobody
//! at all (`double_bounce_sender`).

mod posting;
mod report;
mod returned;
mod template;

use std::sync::Arc;
use std::time::Duration;

use self::posting::{Posting, Told};
pub use self::report::{printable, shown};
pub use self::template::Class;
use self::template::Templates;
use crate::cleanup::Cleanup;
use crate::config::{Config, parameters as p};
use crate::log::Log;
use crate::mail::envelope::{Envelope, Notify, Ret};
use crate::mail::outcome::{Action, Outcome, Success};
use crate::mail::queue_id::QueueId;
use crate::spool::{Location, StoredContent};

/// What the parameters say.
#[derive(Debug)]
struct Settings {
    hostname: String,
    mail_name: String,
    /// mail_name as an RFC 822 atom, for `X-Postfix-…`.
    atom: String,
    /// bounce_size_limit
    size_limit: u64,
    smtputf8: bool,
    /// header_from_format = standard
    standard_from: bool,
    threaded: bool,
    redact_require_tls: bool,
    tls_required: bool,
    delay_warning: Duration,
    queue_lifetime: Duration,
    notify: Classes,
    bounce_recipient: String,
    double_bounce_recipient: String,
    delay_recipient: String,
    /// The sender of notices to the postmaster.
    double_bounce: String,
}

/// notify_classes, as far as notices go.
#[derive(Clone, Copy, Debug, Default)]
struct Classes {
    bounce: bool,
    double_bounce: bool,
    delay: bool,
}

/// Makes notices.
#[derive(Debug)]
pub struct Bounce {
    config: Arc<Config>,
    settings: Settings,
    templates: Templates,
    log: Log,
}

/// The message that a notice is about.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Its queue ID.
    pub queue_id: QueueId,
    /// Its envelope.
    pub envelope: &'a Envelope,
    /// Its content, if it can be read.
    pub content: Option<&'a StoredContent>,
    /// Its Message-ID with angle brackets.
    pub message_id: Option<&'a str>,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Internal form.
    pub address: String,
    /// What the client said; empty if unknown.
    pub original: String,
    /// ORCPT as `type;address`
    pub dsn_orcpt: String,
    /// RCPT NOTIFY
    pub notify: Notify,
    /// What happened.
    pub outcome: Outcome,
}

impl Item {
    /// The `Action:` field.
    fn action(&self) -> &'static str {
        match self.outcome.action {
            Action::Sent { success: Success::Delivered } => "delivered",
            Action::Sent { success: Success::Relayed | Success::Transferred } => "relayed",
            Action::Sent { success: Success::Expanded } => "expanded",
            Action::Deferred => "delayed",
            Action::Bounced => "failed",
            Action::Probed { deliverable: true } => "deliverable",
            Action::Probed { deliverable: false } => "undeliverable",
        }
    }

    /// The original address, where it is another one.
    fn shown_original(&self) -> Option<&str> {
        let differs = !self.original.is_empty()
            && self.original.to_lowercase() != self.address.to_lowercase();
        differs.then_some(self.original.as_str())
    }
}

/// What came of making notices.
#[derive(Debug)]
pub struct Posted {
    /// New messages, safe on disk.
    pub messages: Vec<(Location, Box<Envelope>)>,
    /// Whether whoever had to be told has been told.
    pub complete: bool,
}

/// The bounce templates as `postconf -t` shows them, or with all names replaced (`-b`). `file` may
/// be empty: the built-in ones. The error is what bounce(8) ends with.
pub fn show_templates(
    config: &Arc<Config>,
    file: &str,
    expanded: bool,
    log: &Log,
) -> Result<String, String> {
    let templates = read_templates(file, log)?;
    if !expanded {
        let standard = config.text(&p::header_from_format) != "obsolete";
        return Ok(template::dump(&templates, standard));
    }
    let times = [
        ("delay_warning_time", config.time(&p::delay_warning_time).as_secs()),
        ("maximal_queue_lifetime", config.time(&p::maximal_queue_lifetime).as_secs()),
    ];
    let origin = if file.is_empty() { "[built-in]" } else { file };
    template::expand_all(&templates, origin, config, &times)
}

fn read_templates(file: &str, log: &Log) -> Result<Templates, String> {
    if file.is_empty() {
        return Ok(Templates::default());
    }
    let text = crate::lookup::lent::read(file)
        .map_err(|e| format!("open {file}: {}", crate::config::why(&e)))?;
    Templates::read(file, &String::from_utf8_lossy(&text), log)
}

impl Bounce {
    /// Reads the parameters and templates; `config` is that of the bounce service. What is wrong
    /// with them is logged, and the default stands in for it: the queue does not stop because
    /// notices do not look as they should.
    pub fn new(config: &Arc<Config>, log: &Log) -> Self {
        let log = log.of_program("bounce");
        let settings = Settings::read(config);
        let templates = templates(config, &log).unwrap_or_else(|text| {
            log.fatal(format_args!("{text}"));
            Templates::default()
        });
        for problem in config.problems() {
            log.fatal(format_args!("{problem}"));
        }
        Self { config: config.clone(), settings, templates, log }
    }

    /// Tells the sender (or the postmaster, about a notice) that recipients have failed.
    pub async fn failure(
        &self,
        cleanup: &Arc<Cleanup>,
        subject: &Subject<'_>,
        items: &[Item],
    ) -> Posted {
        let sender = subject.envelope.sender.clone();
        self.failure_to(cleanup, subject, items, &sender).await
    }

    /// The same, told to `sender` instead (an `owner-` alias).
    pub async fn failure_to(
        &self,
        cleanup: &Arc<Cleanup>,
        subject: &Subject<'_>,
        items: &[Item],
        sender: &str,
    ) -> Posted {
        let settings = &self.settings;
        let told = Told {
            filter: Notify::FAILURE,
            ret: self.ret(subject.envelope),
            what: "non-delivery",
            postmaster: settings.notify.bounce.then_some(&settings.bounce_recipient),
            double: (settings.notify.bounce || settings.notify.double_bounce)
                .then_some(&settings.double_bounce_recipient),
        };
        Posting::new(self, cleanup, subject, items, Class::Failure).tell(sender, &told).await
    }

    /// As [`Bounce::failure`] for mail with VERP: one notice to each expanded sender.
    pub async fn failure_verp(
        &self,
        cleanup: &Arc<Cleanup>,
        subject: &Subject<'_>,
        items: &[Item],
        delimiters: &str,
    ) -> Posted {
        let settings = &self.settings;
        let sender = &subject.envelope.sender;
        if sender.is_empty() || same(sender, &settings.double_bounce) {
            self.log
                .warning(format_args!("request to send VERP-style notification of bounced mail"));
            return self.failure(cleanup, subject, items).await;
        }
        let mut done = Posted { messages: Vec::new(), complete: true };
        for item in items {
            if !item.notify.is_default() && !item.notify.has(Notify::FAILURE) {
                continue;
            }
            let to = verp_sender(delimiters, sender, &item.original, &item.address);
            let one = std::slice::from_ref(item);
            let mut one = self.failure_to(cleanup, subject, one, &to).await;
            done.complete &= one.complete;
            done.messages.append(&mut one.messages);
        }
        done
    }

    /// Tells the sender that recipients are late.
    pub async fn delay(
        &self,
        cleanup: &Arc<Cleanup>,
        subject: &Subject<'_>,
        items: &[Item],
    ) -> Posted {
        let postmaster = self.settings.notify.delay.then_some(&self.settings.delay_recipient);
        let told = Told {
            filter: Notify::DELAY,
            ret: Ret::Headers,
            what: "delay",
            postmaster,
            double: postmaster,
        };
        let sender = &subject.envelope.sender;
        Posting::new(self, cleanup, subject, items, Class::Delay).tell(sender, &told).await
    }

    /// Tells the sender of success (NOTIFY=SUCCESS), or what `sendmail -v` and `-bv` found out.
    pub async fn trace(
        &self,
        cleanup: &Arc<Cleanup>,
        subject: &Subject<'_>,
        items: &[Item],
    ) -> Posted {
        let id = subject.queue_id;
        let settings = &self.settings;
        let trace = subject.envelope.trace;
        let class = if trace.expand_only || trace.record { Class::Verify } else { Class::Success };
        let mut posting = Posting::new(self, cleanup, subject, items, class);
        let sender = subject.envelope.sender.as_str();
        if same(sender, &settings.double_bounce) {
            self.log.info(format_args!(
                "{id}: not sending trace/success notification for double-bounce message"
            ));
        } else if !sender.is_empty() {
            posting.status("", sender).await;
        } else if settings.notify.double_bounce {
            posting.status(&settings.double_bounce, &settings.double_bounce_recipient).await;
        } else {
            self.log.info(format_args!(
                "{id}: not sending trace/success notification for single-bounce message"
            ));
        }
        posting.done
    }

    /// Whether notices refer to the Message-ID (enable_threaded_bounces).
    pub fn wants_message_id(&self) -> bool {
        self.settings.threaded
    }

    /// RET, unless a message that must not travel in the clear would come back whole.
    fn ret(&self, envelope: &Envelope) -> Ret {
        if envelope.tls_wish.is_required() && self.settings.redact_require_tls {
            return Ret::Headers;
        }
        envelope.ret.unwrap_or(Ret::Full)
    }
}

/// The templates of `bounce_template_file`, or those that are built in.
fn templates(config: &Config, log: &Log) -> Result<Templates, String> {
    read_templates(&config.text(&p::bounce_template_file), log)
}

impl Settings {
    fn read(config: &Config) -> Self {
        let hostname = config.text(&p::myhostname);
        let mail_name = config.text(&p::mail_name);
        let known =
            ["bounce", "2bounce", "delay", "data", "policy", "protocol", "resource", "software"];
        let [bounce, double_bounce, delay, ..] = config.set(&p::notify_classes, known);
        Self {
            atom: mail_name
                .chars()
                .map(|c| if " \t\r\n()<>@,;:\\\".[]".contains(c) { '-' } else { c })
                .collect(),
            mail_name,
            size_limit: u64::try_from(config.int(&p::bounce_size_limit)).unwrap_or(0),
            smtputf8: config.bool(&p::smtputf8_enable),
            standard_from: config.text(&p::header_from_format) != "obsolete",
            threaded: config.bool(&p::enable_threaded_bounces),
            redact_require_tls: config.bool(&p::requiretls_redact_dsn),
            tls_required: config.bool(&p::tls_required_enable),
            delay_warning: config.time(&p::delay_warning_time),
            queue_lifetime: config.time(&p::maximal_queue_lifetime),
            notify: Classes { bounce, double_bounce, delay },
            bounce_recipient: config.text(&p::bounce_notice_recipient),
            double_bounce_recipient: config.text(&p::double_bounce_notice_recipient),
            delay_recipient: config.text(&p::delay_notice_recipient),
            double_bounce: format!("{}@{hostname}", config.text(&p::double_bounce_sender)),
            hostname,
        }
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// `user@origin` with the recipient in it: `user+recipient=domain@origin`.
pub fn verp_sender(delimiters: &str, sender: &str, original: &str, address: &str) -> String {
    let recipient = if original.is_empty() { address } else { original };
    let mut delimiters = delimiters.chars();
    let (before, between) = (delimiters.next().unwrap_or('+'), delimiters.next().unwrap_or('='));
    let (user, origin) = sender.rsplit_once('@').unwrap_or((sender, ""));
    let (local, domain) = recipient.rsplit_once('@').unwrap_or((recipient, ""));
    let mut out = format!("{user}{before}{local}");
    if !domain.is_empty() {
        out.push(between);
        out.push_str(domain);
    }
    if !origin.is_empty() {
        out.push('@');
        out.push_str(origin);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verp_puts_the_recipient_into_the_sender() {
        assert_eq!(
            verp_sender("+=", "list@a.example", "", "bob@b.example"),
            "list+bob=b.example@a.example"
        );
        assert_eq!(
            verp_sender("-_", "list", "was@c.example", "bob@b.example"),
            "list-was_c.example"
        );
    }
}
