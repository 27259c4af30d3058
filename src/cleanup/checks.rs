//! header_checks(5), body_checks(5), and refusals of malformed MIME.

use super::header::Shown;
use super::settings::{EndOfHeader, LogForm, Table};
use super::{Errors, Message};
use crate::mail::address;
use crate::mail::header::is_field;
use crate::mail::mime::{State, Type};
use crate::mail::status::Status;

/// What a check does with the field or line it looked at.
pub(super) enum Checked {
    Keep,
    Drop,
    Replace(Vec<u8>),
}

/// A kind of malformed MIME that strict settings refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MimeError {
    Nesting,
    EightBitHeader,
    EightBitBody,
    EncodingDomain,
    NonEmptyEndOfHeader,
}

impl MimeError {
    fn text(self) -> &'static str {
        match self {
            Self::Nesting => "MIME nesting exceeds safety limit",
            Self::EightBitHeader => "improper use of 8-bit data in message header",
            Self::EightBitBody => "improper use of 8-bit data in message body",
            Self::EncodingDomain => "invalid message/* or multipart/* encoding domain",
            Self::NonEmptyEndOfHeader => "primary header was terminated with non-empty line",
        }
    }
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Header,
    Body,
    Any,
}

impl Subject {
    fn word(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Body => "body",
            Self::Any => "content",
        }
    }
}

impl Message {
    /// Where the message came from, for the log.
    fn origin(&self) -> String {
        let client = &self.envelope.client;
        if !self.origin.is_empty() {
            self.origin.clone()
        } else if client.name.is_empty() {
            "local".into()
        } else {
            format!("{}[{}]", client.name, client.address)
        }
    }

    pub(super) fn log_address<'a>(&self, address: &'a str) -> std::borrow::Cow<'a, str> {
        match self.stage.settings.log_addresses_quoted {
            LogForm::External if !address.is_empty() => address::quote_822(address),
            _ => address.into(),
        }
    }

    /// `ID: reject: header Subject: … from client[…]; from=<…> to=<…> proto=… helo=<…>: text`
    fn log_action(&self, action: &str, subject: Subject, content: &[u8], text: &str) {
        use std::fmt::Write as _;
        // Text ends with NUL in Postfix's log.
        let content = content.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut line = format!(
            "{}: {action}: {} {} from {};",
            self.queue_id,
            subject.word(),
            Shown(content.get(..200).unwrap_or(content)),
            self.origin()
        );
        let _ = write!(line, " from=<{}>", self.log_address(&self.envelope.sender));
        if let Some(recipient) = &self.last_recipient {
            let _ = write!(line, " to=<{}>", self.log_address(recipient));
        }
        let client = &self.envelope.client;
        if !client.protocol.is_empty() {
            let _ = write!(line, " proto={}", client.protocol);
        }
        if !client.helo.is_empty() {
            let _ = write!(line, " helo=<{}>", client.helo);
        }
        if !text.is_empty() {
            let _ = write!(line, ": {text}");
        }
        self.log.info(format_args!("{line}"));
    }

    /// The check for fields of this class.
    pub(super) async fn check_header(&mut self, class: State, field: &[u8]) -> Checked {
        if !self.flags.filter {
            return Checked::Keep;
        }
        let stage = self.stage.clone();
        let checks = &stage.settings.checks;
        let (table, parameter) = match class {
            State::Primary => (&checks.header, "header_checks"),
            State::Multipart => (&checks.mime_header, "mime_header_checks"),
            State::Nested => (&checks.nested_header, "nested_header_checks"),
            State::Body => return Checked::Keep,
        };
        let Some(table) = table else { return Checked::Keep };
        self.check(table, parameter, Subject::Header, field).await
    }

    /// body_checks, on one line.
    pub(super) async fn check_body(&mut self, line: &[u8], continued: bool) {
        let stage = self.stage.clone();
        let checks = &stage.settings.checks;
        let within = checks.body_limit == 0 || self.progress.body_offset < checks.body_limit;
        let Some(table) = checks.body.as_ref().filter(|_| within) else {
            self.put_body(line, continued);
            return;
        };
        match self.check(table, "body_checks", Subject::Body, line).await {
            _ if !self.goes_on() => {}
            Checked::Keep => self.put_body(line, continued),
            Checked::Drop => self.progress.body_offset += line.len() as u64 + 1,
            Checked::Replace(text) => self.put_body(&text, continued),
        }
    }

    async fn check(
        &mut self,
        table: &Table,
        parameter: &str,
        subject: Subject,
        content: &[u8],
    ) -> Checked {
        // Tables see text; where it is no UTF-8 they see what the log shows.
        let key = String::from_utf8_lossy(content);
        match table.maps.find(&key).await {
            Ok(Some(action)) => self.act(subject, content, &action, parameter),
            Ok(None) => Checked::Keep,
            Err(_) => {
                self.log.warning(format_args!(
                    "{}: {parameter} map lookup problem -- message not accepted, try again later",
                    self.queue_id
                ));
                self.errors.add(Errors::WRITE);
                Checked::Keep
            }
        }
    }

    fn act(&mut self, subject: Subject, content: &[u8], action: &str, map: &str) -> Checked {
        let (word, text) = action.split_once([' ', '\t']).unwrap_or((action, ""));
        let text = text.trim_start();
        match word.to_ascii_uppercase().as_str() {
            "REJECT" => self.reject(subject, content, text),
            "WARN" => self.log_action("warning", subject, content, text),
            "INFO" => self.log_action("info", subject, content, text),
            "FILTER" => self.filter(subject, content, text, map),
            "PASS" => {
                self.log_action("pass", subject, content, text);
                self.flags.stop_filters();
            }
            "DISCARD" => {
                self.log_action("discard", subject, content, text);
                self.flags.discard = true;
                self.flags.stop_filters();
            }
            "HOLD" => {
                if !self.envelope.hold && !self.flags.discard {
                    self.log_action("hold", subject, content, text);
                    self.envelope.hold = true;
                }
            }
            "PREPEND" => self.prepend_text(subject, content, text, map),
            "REPLACE" => return self.replace(subject, content, text, map),
            "REDIRECT" => self.redirect(subject, content, text, map),
            "BCC" => self.bcc_action(subject, content, text, map),
            "STRIP" => {
                self.log_action("strip", subject, content, text);
                return Checked::Drop;
            }
            "IGNORE" => return Checked::Drop,
            "DUNNO" | "OK" => {}
            _ => self.log.warning(format_args!("unknown command in {map} map: {action}")),
        }
        Checked::Keep
    }

    fn reject(&mut self, subject: Subject, content: &[u8], text: &str) {
        let mut reason = match Status::split(text) {
            _ if text.is_empty() => "5.7.1 message content rejected".to_owned(),
            (Some(_), _) => text.to_owned(),
            (None, _) => format!("5.7.1 {text}"),
        };
        if !reason.starts_with(['4', '5']) {
            self.log.warning(format_args!("bad DSN action in {text} -- need 4.x.x or 5.x.x"));
            reason.replace_range(..1, "4");
        }
        let temporary = reason.starts_with('4');
        self.errors.add(if temporary { Errors::DEFER } else { Errors::CONTENT });
        self.flags.stop_filters();
        self.log_action("reject", subject, content, &reason);
        self.reason = Some(reason);
    }

    pub(super) fn reject_characters(&mut self, text: &[u8]) {
        self.reject(Subject::Any, text, "disallowed character");
    }

    fn filter(&mut self, subject: Subject, content: &[u8], text: &str, map: &str) {
        if text.is_empty() {
            self.log.warning(format_args!("missing FILTER command argument in {map} map"));
        } else if !text.contains(':') {
            self.log.warning(format_args!(
                "bad FILTER command {text} in {map} -- need transport:destination"
            ));
        } else {
            self.envelope.filter = Some(text.to_owned());
            self.log_action("filter", subject, content, text);
        }
    }

    fn prepend_text(&mut self, subject: Subject, content: &[u8], text: &str, map: &str) {
        if text.is_empty() {
            self.log.warning(format_args!("PREPEND action without text in {map} map"));
        } else if subject != Subject::Header {
            self.log_action("prepend", subject, content, text);
            if self.goes_on() {
                self.store.body_record(text.as_bytes(), false, &self.stage.writer);
            }
        } else if is_field(text.as_bytes()) {
            self.log_action("prepend", subject, content, text);
            self.put_header(text.as_bytes());
        } else {
            self.log.warning(format_args!(
                "bad PREPEND header text \"{text}\" in {map} map -- \
                 need \"headername: headervalue\""
            ));
        }
    }

    fn replace(&mut self, subject: Subject, content: &[u8], text: &str, map: &str) -> Checked {
        if text.is_empty() {
            self.log.warning(format_args!("REPLACE action without text in {map} map"));
        } else if subject == Subject::Header && !is_field(text.as_bytes()) {
            self.log.warning(format_args!(
                "bad REPLACE header text \"{text}\" in {map} map -- \
                 need \"headername: headervalue\""
            ));
        } else {
            self.log_action("replace", subject, content, text);
            return Checked::Replace(text.as_bytes().to_vec());
        }
        Checked::Keep
    }

    fn redirect(&mut self, subject: Subject, content: &[u8], text: &str, map: &str) {
        if text.contains('@') {
            self.envelope.redirect = Some(text.to_owned());
            self.log_action("redirect", subject, content, text);
            self.flags.stop_filters();
        } else {
            self.log.warning(format_args!(
                "bad REDIRECT target \"{text}\" in {map} map -- need user@domain"
            ));
        }
    }

    fn bcc_action(&mut self, subject: Subject, content: &[u8], text: &str, map: &str) {
        if text.contains('@') {
            self.bcc.push(text.to_owned());
            self.log_action("bcc", subject, content, text);
        } else {
            self.log.warning(format_args!(
                "bad BCC address \"{text}\" in {map} map -- need user@domain"
            ));
        }
    }

    /// Takes note of malformed MIME that is refused at the end, and logs each kind once.
    pub(super) fn mime_error(&mut self, error: MimeError, text: &[u8]) {
        if self.progress.mime_errors.contains(&error) {
            return;
        }
        self.progress.mime_errors.push(error);
        let reject = self.stage.settings.checks.end_of_header == EndOfHeader::Reject;
        if error == MimeError::NonEmptyEndOfHeader && !reject {
            return;
        }
        let recipient = self.last_recipient.as_deref().unwrap_or("unknown");
        self.log.info(format_args!(
            "{}: reject: mime-error {}: {} from {}; from=<{}> to=<{}>",
            self.queue_id,
            error.text(),
            Shown(text.get(..100).unwrap_or(text)),
            self.origin(),
            self.log_address(&self.envelope.sender),
            self.log_address(recipient)
        ));
    }

    /// Refuses the message if MIME errors were found that count.
    pub(super) fn judge_mime(&mut self) {
        let reject = self.stage.settings.checks.end_of_header == EndOfHeader::Reject;
        let order = [
            MimeError::Nesting,
            MimeError::EightBitHeader,
            MimeError::EightBitBody,
            MimeError::EncodingDomain,
            MimeError::NonEmptyEndOfHeader,
        ];
        let found = order.into_iter().find(|error| {
            self.progress.mime_errors.contains(error)
                && (reject || *error != MimeError::NonEmptyEndOfHeader)
        });
        if let Some(error) = found
            && self.reason.is_none()
        {
            self.errors.add(Errors::CONTENT);
            self.reason = Some(format!("5.6.0 {}", error.text()));
        }
    }

    pub(super) fn check_8bit_header(&mut self, field: &[u8]) {
        if self.flags.filter && self.stage.settings.checks.strict_8bit_headers && !field.is_ascii()
        {
            self.mime_error(MimeError::EightBitHeader, field);
        }
    }

    pub(super) fn check_8bit_body(&mut self, text: &[u8]) {
        if self.flags.filter
            && self.stage.settings.checks.strict_8bit_body
            && self.progress.mime.encoding == crate::mail::mime::Encoding::SevenBit
            && !text.is_ascii()
        {
            self.mime_error(MimeError::EightBitBody, text);
        }
    }

    /// message/* and multipart/* may only be 7bit, 8bit or binary, not encoded.
    pub(super) fn check_encoding_domain(&mut self) {
        if !self.flags.filter || !self.stage.settings.checks.strict_encoding {
            return;
        }
        let encoding = self.progress.mime.encoding;
        let bad = match self.progress.mime.content_type {
            Type::Partial => encoding.domain() != crate::mail::mime::Encoding::SevenBit,
            Type::Rfc822 | Type::Multipart => encoding != encoding.domain(),
            _ => false,
        };
        if bad {
            self.mime_error(MimeError::EncodingDomain, encoding.name().as_bytes());
        }
    }
}
