//! The end of the message header: fields that every message should have are added, for mail of
//! our own clients.

use super::Message;
use super::checks::MimeError;
use super::settings::EndOfHeader;
use crate::mail::address;
use crate::mail::header::fold;
use crate::mail::header::{Name, is_field};
use crate::sys::date::{compact_utc, mail_date};

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
        // Through a content filter that knows nothing of REQUIRETLS, and back.
        if self.stage.settings.headers.require_tls_header
            && self.envelope.tls_wish.is_required()
            && !self.progress.seen.contains(Name::RequireTlsEsmtp)
        {
            self.put_header(b"Require-TLS-ESMTP: yes");
        }
        let flagged = self.progress.mime_errors.contains(&MimeError::NonEmptyEndOfHeader);
        if flagged && action == EndOfHeader::AddHeader {
            self.put_header(b"MIME-Error: message header was not terminated by empty line");
        }
        self.store.begin_body();
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
            let date = mail_date(self.envelope.arrival.seconds());
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
    let spaced: String = name.chars().map(|c| if c.is_ascii_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let clean = words.join(" ");
    if clean.is_empty() {
        return None;
    }
    if !clean.is_ascii() {
        return Some(encoded_words(&clean, comment, charset));
    }
    if comment {
        let text = balanced(&clean);
        return if text.trim().is_empty() { None } else { Some(text) };
    }
    let specials = "%!()<>@,;:\\\".[]";
    Some(if clean.contains(|c| specials.contains(c)) {
        format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        clean
    })
}

/// The text of a comment: parentheses without a partner go or get one, a backslash at the end
/// goes.
fn balanced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let mut open = 0usize;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                if let Some(escaped) = chars.next() {
                    out.push(c);
                    out.push(escaped);
                }
                continue;
            }
            '(' => open += 1,
            ')' if open == 0 => continue,
            ')' => open -= 1,
            _ => {}
        }
        out.push(c);
    }
    out.extend(std::iter::repeat_n(')', open));
    out
}

/// Longest encoded word (RFC 2047 section 2).
const ENCODED_WORD_MAX: usize = 75;

/// RFC 2047 encoded words. Text of which less than half could be read is in base64, except when
/// it is short: some spam filters dislike base64 in headers.
fn encoded_words(text: &str, comment: bool, charset: &str) -> String {
    let special = |byte: u8| {
        byte.is_ascii_control()
            || !byte.is_ascii()
            || b" =?_()\\".contains(&byte)
            || (!comment && b"<>@,;:\".[]#$%&'^`{|}~".contains(&byte))
    };
    let unreadable = text.bytes().filter(|b| special(*b)).count();
    let room = ENCODED_WORD_MAX.saturating_sub(charset.len() + 7).max(4);
    let (letter, parts) = if text.len() >= 20 && unreadable >= text.len() / 2 {
        let chunk = 3 * (room / 4);
        ('B', text.as_bytes().chunks(chunk).map(base64).collect::<Vec<_>>())
    } else {
        ('Q', quoted_printable_words(text, room, special))
    };
    let words: Vec<String> =
        parts.iter().map(|part| format!("=?{charset}?{letter}?{part}?=")).collect();
    words.join("\n")
}

fn quoted_printable_words(text: &str, room: usize, special: impl Fn(u8) -> bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for byte in text.bytes() {
        let encoded = match byte {
            b' ' => "_".to_owned(),
            _ if special(byte) => format!("={byte:02X}"),
            _ => char::from(byte).to_string(),
        };
        if word.len() + encoded.len() > room {
            words.push(std::mem::take(&mut word));
        }
        word.push_str(&encoded);
    }
    words.push(word);
    words
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |i: usize| u32::from(group.get(i).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * i) & 63) as usize).copied();
            out.push(if i <= group.len() { char::from(letter.unwrap_or(b'=')) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_names() {
        let name = |text, comment| full_name(text, comment, "utf-8");
        assert_eq!(name(" \t", false), None);
        assert_eq!(name("  Al \t Bo ", false).as_deref(), Some("Al Bo"));
        assert_eq!(name("Al B. \"Q\"", false).as_deref(), Some("\"Al B. \\\"Q\\\"\""));
        assert_eq!(name("Al (x)", true).as_deref(), Some("Al (x)"));
        assert_eq!(name(")Al (x\\", true).as_deref(), Some("Al (x)"));
        assert_eq!(name("J\u{f6} X", false).as_deref(), Some("=?utf-8?Q?J=C3=B6_X?="));
        let long = "\u{f6}".repeat(30);
        let encoded = name(&long, false).unwrap();
        assert!(encoded.starts_with("=?utf-8?B?w7bDtsO2") && encoded.contains("?=\n=?utf-8?B?"));
        assert!(encoded.split('\n').all(|word| word.len() <= ENCODED_WORD_MAX));
    }

    #[test]
    fn base64_words() {
        assert_eq!(base64(b"f"), "Zg==");
        assert_eq!(base64(b"fo"), "Zm8=");
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
    }

    #[test]
    fn audit_2026_04_13_rfc2047_with_an_endless_charset() {
        for length in [60, 66, 70, 75, 80, 5000] {
            let charset = "x".repeat(length);
            for text in ["\u{f6}", "\u{f6}\u{1f600} and more of it", "a b c\u{f6}"] {
                let encoded = full_name(text, false, &charset).unwrap();
                assert!(encoded.starts_with("=?") && encoded.ends_with("?="), "{encoded}");
            }
        }
    }
}
