//! The end of the message header: fields that every message should have are added, for mail of
//! our own clients.

use super::Message;
use super::checks::MimeError;
use super::header::fold;
use super::settings::EndOfHeader;
use crate::mail::address;
use crate::mail::date::{compact_utc, header_date};
use crate::mail::header::{Name, is_field};

/// The date of a header field, in local time: `seconds` since 1970.
pub fn local_date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
    match time {
        Some(time) => {
            let zone = jiff::tz::TimeZone::system();
            let info = zone.to_offset_info(time);
            header_date(seconds, info.offset().seconds(), info.abbreviation())
        }
        None => header_date(seconds, 0, "UTC"),
    }
}

impl Message {
    /// The message header has ended, with the line `text`.
    pub(super) fn end_of_header(&mut self, text: &[u8]) {
        let action = self.stage.settings.checks.end_of_header;
        if !text.is_empty() && self.flags.filter && action != EndOfHeader::FixQuietly {
            self.mime_error(MimeError::NonEmptyEndOfHeader, text);
        }
        let add = self.header_context().is_some() || self.stage.settings.headers.always_add;
        if add {
            self.add_message_id();
        }
        if !self.progress.seen.contains(Name::MessageId) {
            self.log.info(format_args!("{}: message-id=<>", self.queue_id));
        }
        if add {
            self.add_date();
            self.add_from();
            self.add_undisclosed();
        }
        let flagged = self.progress.mime_errors.contains(&MimeError::NonEmptyEndOfHeader);
        if flagged && action == EndOfHeader::AddHeader {
            self.put_header(b"MIME-Error: message header was not terminated by empty line");
        }
    }

    fn lacks(&self, plain: Name, resent: Name) -> bool {
        let name = if self.progress.resent { resent } else { plain };
        !self.progress.seen.contains(name)
    }

    fn prefix(&self) -> &'static str {
        if self.progress.resent { "Resent-" } else { "" }
    }

    fn add_message_id(&mut self) {
        if !self.lacks(Name::MessageId, Name::ResentMessageId) {
            return;
        }
        let host = &self.stage.settings.myhostname;
        let id = if self.stage.settings.long_queue_ids {
            format!("{}@{host}", self.queue_id)
        } else {
            let time = compact_utc(self.envelope.arrival.seconds());
            format!("{time}.{}@{host}", self.queue_id)
        };
        self.put_header(format!("{}Message-Id: <{id}>", self.prefix()).as_bytes());
        let id = format!("<{id}>");
        if self.progress.resent {
            self.log_id("resent-message-id", id.as_bytes());
            self.progress.seen.insert(Name::ResentMessageId);
        } else {
            self.log_id("message-id", id.as_bytes());
            self.progress.seen.insert(Name::MessageId);
        }
    }

    fn add_date(&mut self) {
        if self.lacks(Name::Date, Name::ResentDate) {
            let date = local_date(self.envelope.arrival.seconds());
            self.put_header(format!("{}Date: {date}", self.prefix()).as_bytes());
        }
    }

    fn add_from(&mut self) {
        if !self.lacks(Name::From, Name::ResentFrom) {
            return;
        }
        let sender = &self.envelope.sender;
        let prefix = self.prefix();
        let mut field = if sender.is_empty() {
            format!("{prefix}From: MAILER-DAEMON")
        } else {
            let quoted = address::quote_822(sender);
            let headers = &self.stage.settings.headers;
            match full_name(
                &self.envelope.sender_name,
                headers.obsolete_from,
                &headers.name_charset,
            ) {
                Some(name) if headers.obsolete_from => format!("{prefix}From: {quoted}\n({name})"),
                Some(name) => format!("{prefix}From: {name}\n<{quoted}>"),
                None => format!("{prefix}From: {quoted}"),
            }
        }
        .into_bytes();
        fold(&mut field);
        self.put_header(&field);
    }

    fn add_undisclosed(&mut self) {
        let visible = [Name::To, Name::ResentTo, Name::Cc, Name::ResentCc];
        let text = &self.stage.settings.headers.undisclosed;
        if text.is_empty() || visible.into_iter().any(|n| self.progress.seen.contains(n)) {
            return;
        }
        if is_field(text.as_bytes()) {
            let text = text.clone();
            self.store.header_line(text.as_bytes(), &self.stage.writer);
        } else {
            self.log.warning(format_args!(
                "bad undisclosed_recipients_header header text \"{text}\" -- \
                 need \"headername: headervalue\""
            ));
        }
    }
}

/// A full name as a phrase, or (in the obsolete form of `From:`) as a comment.
fn full_name(name: &str, comment: bool, charset: &str) -> Option<String> {
    let clean: String = name.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect();
    let clean = clean.trim();
    if clean.is_empty() {
        return None;
    }
    if !clean.is_ascii() {
        return Some(encoded_word(clean, comment, charset));
    }
    if comment {
        return Some(escape(clean, &['(', ')', '\\']));
    }
    let specials = "()<>@,;:\\\".[]|%!";
    let plain =
        clean.split(' ').all(|w| !w.is_empty()) && !clean.contains(|c| specials.contains(c));
    Some(if plain { clean.to_owned() } else { format!("\"{}\"", escape(clean, &['"', '\\'])) })
}

fn escape(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// RFC 2047 encoded words, in the Q encoding, none longer than the 75 characters allowed.
fn encoded_word(text: &str, comment: bool, charset: &str) -> String {
    let room = 75usize.saturating_sub(charset.len() + 7);
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars() {
        let encoded = encode_q(c, comment);
        if word.len() + encoded.len() > room && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        word.push_str(&encoded);
    }
    words.push(word);
    let words: Vec<String> =
        words.into_iter().map(|word| format!("=?{charset}?Q?{word}?=")).collect();
    words.join("\n")
}

fn encode_q(c: char, comment: bool) -> String {
    use std::fmt::Write as _;
    let plain = c.is_ascii_alphanumeric()
        || if comment {
            c.is_ascii_graphic() && !"=?_()\\\"".contains(c)
        } else {
            "!*+-/".contains(c)
        };
    if plain {
        return c.to_string();
    }
    if c == ' ' {
        return "_".into();
    }
    let mut bytes = [0; 4];
    let mut out = String::new();
    for byte in c.encode_utf8(&mut bytes).bytes() {
        let _ = write!(out, "={byte:02X}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names() {
        let name = |text, comment| full_name(text, comment, "utf-8");
        assert_eq!(name("", false), None);
        assert_eq!(name("Al Bo", false).as_deref(), Some("Al Bo"));
        assert_eq!(name("Al B. \"Q\"", false).as_deref(), Some("\"Al B. \\\"Q\\\"\""));
        assert_eq!(name("Al (x)", true).as_deref(), Some("Al \\(x\\)"));
        assert_eq!(name("J\u{f6} X", false).as_deref(), Some("=?utf-8?Q?J=C3=B6_X?="));
    }
}
