//! The form of a notice: a multipart/report (RFC 3462) with a text for people, a delivery-status
//! for programs (RFC 3464), and the message or its headers.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::template::{Class, Template};
use super::{Item, Settings, Subject};
use crate::config::Config;
use crate::mail::address::quote_822 as quote;
use crate::mail::envelope::{Body, Notify, Ret};
use crate::sys::date::mail_date;

/// Width of the text, and by how much continued lines are indented.
const WIDTH: usize = 79;
const INDENT: usize = 4;

/// One notice that is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report<'a> {
    pub(super) class: Class,
    pub(super) settings: &'a Settings,
    pub(super) config: &'a Config,
    pub(super) template: &'a Template,
    pub(super) subject: &'a Subject<'a>,
    pub(super) items: &'a [Item],
    /// Which recipients it names: those that asked for it, or all.
    pub(super) filter: Option<Notify>,
    /// Whom it goes to.
    pub(super) to: &'a str,
    /// Whether it is the copy for the postmaster.
    pub(super) postmaster: bool,
    /// How much of the message comes back.
    pub(super) ret: Ret,
    /// Seconds since 1970.
    pub(super) now: u64,
}

impl Report<'_> {
    /// The recipients that it names.
    pub(super) fn named(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| {
            self.filter
                .is_none_or(|filter| item.notify.is_default() || item.notify.0 & filter.0 != 0)
        })
    }

    fn boundary(&self) -> String {
        format!("{}.{}/{}", self.subject.queue_id, self.now, self.settings.hostname)
    }

    /// `8bit`, `7bit` or nothing.
    fn encoding(&self) -> Option<&'static str> {
        if self.settings.smtputf8 {
            return Some("8bit");
        }
        match self.subject.envelope.body {
            Some(Body::EightBitMime) => Some("8bit"),
            Some(Body::SevenBit) => Some("7bit"),
            None => None,
        }
    }

    fn eight_bit(&self) -> bool {
        self.encoding() == Some("8bit")
    }

    /// Whether only headers come back.
    pub(super) fn headers_only(&self) -> bool {
        let limit = self.settings.size_limit;
        let size = self.subject.envelope.content_length;
        self.ret == Ret::Headers
            || (limit > 0 && self.subject.content.is_some() && (size == 0 || size > limit))
    }

    /// Everything before the returned message.
    pub(super) fn head(&self) -> String {
        let mut out = String::with_capacity(2000);
        self.headers(&mut out);
        self.notification(&mut out);
        self.delivery_status(&mut out);
        self.returned_head(&mut out);
        out
    }

    /// Everything after it.
    pub(super) fn tail(&self) -> String {
        format!("\n--{}--\n", self.boundary())
    }

    fn headers(&self, out: &mut String) {
        let template = self.template;
        let from = match &template.from {
            Some(from) => from.as_str(),
            None if self.settings.standard_from => "Mail Delivery System <MAILER-DAEMON>",
            None => "MAILER-DAEMON (Mail Delivery System)",
        };
        let subject = match &template.postmaster_subject {
            Some(subject) if self.postmaster => subject,
            _ => &template.subject,
        };
        let _ = writeln!(out, "From: {from}\nSubject: {subject}\nTo: {}", quote(self.to));
        if let Some(id) = self.subject.message_id.filter(|_| self.settings.threaded) {
            let _ = writeln!(out, "References: {id}\nIn-Reply-To: {id}");
        }
        let wish = self.subject.envelope.tls_wish;
        if self.settings.tls_required && wish.is_not_needed() && !wish.is_required() {
            out.push_str("TLS-Required: no\n");
        }
        let submitted = if self.postmaster { "auto-generated" } else { "auto-replied" };
        let _ = writeln!(
            out,
            "Auto-Submitted: {submitted}\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=delivery-status;\n\
             \tboundary=\"{}\"",
            self.boundary()
        );
        match self.encoding() {
            Some("7bit") if template.eight_bit => {
                out.push_str("Content-Transfer-Encoding: 8bit\n");
            }
            Some(encoding) => {
                let _ = writeln!(out, "Content-Transfer-Encoding: {encoding}");
            }
            None => {}
        }
        out.push_str("\nThis is a MIME-encapsulated message.\n");
    }

    fn part(&self, out: &mut String, description: &str) {
        let _ = write!(out, "\n--{}\nContent-Description: {description}\n", self.boundary());
    }

    fn notification(&self, out: &mut String) {
        self.part(out, "Notification");
        let charset = match self.template.charset.as_str() {
            charset if !charset.eq_ignore_ascii_case("us-ascii") => charset,
            _ if self.eight_bit() => "utf-8",
            _ => "us-ascii",
        };
        let _ = writeln!(out, "Content-Type: text/plain; charset={charset}");
        self.part_encoding(out);
        out.push('\n');
        if !self.postmaster {
            let times = [
                ("delay_warning_time", self.settings.delay_warning.as_secs()),
                ("maximal_queue_lifetime", self.settings.queue_lifetime.as_secs()),
            ];
            for line in self.template.expanded(self.config, &times) {
                let _ = writeln!(out, "{line}");
            }
        }
        for item in self.named() {
            let address = shown(&item.address);
            let text = printable(&item.outcome.text);
            let line = match item.shown_original() {
                Some(original) => {
                    format!("<{address}> (expanded from <{}>): {text}", shown(original))
                }
                None => format!("<{address}>: {text}"),
            };
            out.push('\n');
            wrap(out, &line);
        }
    }

    fn part_encoding(&self, out: &mut String) {
        if self.eight_bit() {
            out.push_str("Content-Transfer-Encoding: 8bit\n");
        }
    }

    fn delivery_status(&self, out: &mut String) {
        let envelope = self.subject.envelope;
        let settings = self.settings;
        self.part(out, "Delivery report");
        let global = if envelope.smtputf8 { "global-" } else { "" };
        let _ = writeln!(out, "Content-Type: message/{global}delivery-status");
        if envelope.smtputf8 {
            self.part_encoding(out);
        }
        let _ = writeln!(out, "\nReporting-MTA: dns; {}", settings.hostname);
        if let Some(envid) = envelope.envid.as_deref().filter(|envid| !envid.is_empty()) {
            let _ = writeln!(out, "Original-Envelope-Id: {}", printable(envid));
        }
        let name = &settings.atom;
        let sender = self.quoted_sender();
        let _ = writeln!(out, "X-{name}-Queue-ID: {}", self.subject.queue_id);
        let _ = writeln!(out, "X-{name}-Sender: {}; {sender}", self.address_type(&sender));
        let _ = writeln!(out, "Arrival-Date: {}", mail_date(envelope.arrival.seconds()));
        for item in self.named() {
            self.recipient_status(out, item);
        }
    }

    fn quoted_sender(&self) -> Cow<'_, str> {
        match self.subject.envelope.sender.as_str() {
            "" => Cow::Owned(format!("MAILER-DAEMON@{}", self.settings.hostname)),
            sender => quote(sender),
        }
    }

    fn address_type(&self, address: &str) -> &'static str {
        let utf8 = self.subject.envelope.smtputf8 && !address.is_ascii();
        if utf8 { "utf-8" } else { "rfc822" }
    }

    fn recipient_status(&self, out: &mut String, item: &Item) {
        let address = shown(&item.address);
        let _ = writeln!(out, "\nFinal-Recipient: {}; {address}", self.address_type(&address));
        if !item.dsn_orcpt.is_empty() {
            let _ = writeln!(out, "Original-Recipient: {}", printable(&item.dsn_orcpt));
        } else if let Some(original) = item.shown_original() {
            let original = shown(original);
            let kind = self.address_type(&original);
            let _ = writeln!(out, "Original-Recipient: {kind}; {original}");
        }
        let action = if self.class == Class::Failure { "failed" } else { item.action() };
        let _ = writeln!(out, "Action: {action}\nStatus: {}", item.outcome.status);
        if !item.outcome.remote_mta.is_empty() {
            wrap(out, &format!("Remote-MTA: dns; {}", printable(&item.outcome.remote_mta)));
        }
        let diagnostic = match &item.outcome.diagnostic {
            Some(said) if !said.kind.is_empty() && !said.text.is_empty() => {
                format!("Diagnostic-Code: {}; {}", printable(&said.kind), printable(&said.text))
            }
            _ => format!(
                "Diagnostic-Code: X-{}; {}",
                self.settings.atom,
                printable(&item.outcome.text)
            ),
        };
        wrap(out, &diagnostic);
        if self.class == Class::Delay {
            let until =
                self.subject.envelope.arrival.seconds() + self.settings.queue_lifetime.as_secs();
            let _ = writeln!(out, "Will-Retry-Until: {}", mail_date(until));
        }
    }

    fn returned_head(&self, out: &mut String) {
        let undelivered = match self.class {
            Class::Failure | Class::Delay => "Undelivered ",
            Class::Success | Class::Verify => "",
        };
        let headers = self.headers_only();
        let what = if headers { "Message Headers" } else { "Message" };
        self.part(out, &format!("{undelivered}{what}"));
        let kind = match (self.subject.envelope.smtputf8, headers) {
            (true, true) => "message/global-headers",
            (true, false) => "message/global",
            (false, true) => "text/rfc822-headers",
            (false, false) => "message/rfc822",
        };
        let _ = writeln!(out, "Content-Type: {kind}");
        self.part_encoding(out);
        out.push('\n');
        if self.subject.content.is_some() {
            let _ = writeln!(out, "Return-Path: <{}>", self.quoted_sender());
        } else {
            out.push_str("\t--- Undelivered message unavailable ---\n");
        }
    }
}

/// An address as notices show it.
pub fn shown(address: &str) -> String {
    printable(&quote(address)).into_owned()
}

/// Control characters become question marks.
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(text.chars().map(|c| if c.is_control() { '?' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Appends `line`, broken at white space before column 79, further lines indented by four.
fn wrap(out: &mut String, line: &str) {
    let mut start = 0;
    let mut word = 0;
    let (mut width, mut indent) = (WIDTH, 0);
    let mut first = true;
    let slice = |from: usize, to: usize| line.get(from..to).unwrap_or_default();
    loop {
        let rest = line.get(word..).unwrap_or_default();
        let end = rest.find([' ', '\t']).map(|at| word + at);
        if word > start && end.unwrap_or(line.len()) - start > width {
            let _ = writeln!(out, "{:indent$}{}", "", slice(start, word).trim_end());
            word += rest.len() - rest.trim_start().len();
            if first {
                first = false;
                indent += INDENT;
                width -= INDENT;
            }
            start = word;
        }
        match end {
            Some(end) => word = (end + 1).max(word),
            None => break,
        }
    }
    let _ = writeln!(out, "{:indent$}{}", "", slice(start, line.len()).trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_lines_are_wrapped_as_in_postfix() {
        let mut out = String::new();
        wrap(
            &mut out,
            "<a@far.example>: host mail.far.example[203.0.113.10] said: 550 5.1.1 \
             <a@far.example>: no such user here, and this explanation is long enough that it has \
             to be folded over more than one line (in reply to RCPT TO command)",
        );
        assert_eq!(
            out,
            "<a@far.example>: host mail.far.example[203.0.113.10] said: 550 5.1.1\n\
             \x20   <a@far.example>: no such user here, and this explanation is long enough\n\
             \x20   that it has to be folded over more than one line (in reply to RCPT TO\n\
             \x20   command)\n"
        );
    }

    proptest! {
        #[test]
        fn wrapping_keeps_all_words(text in "\\PC{0,300}") {
            let mut out = String::new();
            wrap(&mut out, &text);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&out), words(&text));
        }
    }
}
