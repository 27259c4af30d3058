//! Header fields of a message: where a field starts, and which names mean something to a mail
//! system.

/// The header fields that cleanup knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "named as the fields are")]
pub enum Name {
    ApparentlyTo,
    Bcc,
    Cc,
    ContentDescription,
    ContentDisposition,
    ContentId,
    ContentLength,
    ContentTransferEncoding,
    ContentType,
    DeliveredTo,
    DispositionNotificationTo,
    Date,
    ErrorsTo,
    From,
    MailFollowupTo,
    MessageId,
    MimeVersion,
    Received,
    ReplyTo,
    ResentBcc,
    ResentCc,
    ResentDate,
    ResentFrom,
    ResentMessageId,
    ResentReplyTo,
    ResentSender,
    ResentTo,
    ReturnPath,
    ReturnReceiptTo,
    Sender,
    To,
    TlsRequired,
    RequireTlsEsmtp,
}

/// What the addresses in a field are: it decides which tables apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addresses {
    /// There are none.
    None,
    /// Senders, or people to be answered.
    Senders,
    /// Recipients; `sendmail -t` delivers to those of `To`, `Cc`, `Bcc` and their `Resent-` forms.
    Recipients,
}

impl Name {
    /// The field with this name, in whatever case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        let mut lower = [0u8; 32];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"apparently-to" => Self::ApparentlyTo,
            b"bcc" => Self::Bcc,
            b"cc" => Self::Cc,
            b"content-description" => Self::ContentDescription,
            b"content-disposition" => Self::ContentDisposition,
            b"content-id" => Self::ContentId,
            b"content-length" => Self::ContentLength,
            b"content-transfer-encoding" => Self::ContentTransferEncoding,
            b"content-type" => Self::ContentType,
            b"delivered-to" => Self::DeliveredTo,
            b"disposition-notification-to" => Self::DispositionNotificationTo,
            b"date" => Self::Date,
            b"errors-to" => Self::ErrorsTo,
            b"from" => Self::From,
            b"mail-followup-to" => Self::MailFollowupTo,
            b"message-id" => Self::MessageId,
            b"mime-version" => Self::MimeVersion,
            b"received" => Self::Received,
            b"reply-to" => Self::ReplyTo,
            b"resent-bcc" => Self::ResentBcc,
            b"resent-cc" => Self::ResentCc,
            b"resent-date" => Self::ResentDate,
            b"resent-from" => Self::ResentFrom,
            b"resent-message-id" => Self::ResentMessageId,
            b"resent-reply-to" => Self::ResentReplyTo,
            b"resent-sender" => Self::ResentSender,
            b"resent-to" => Self::ResentTo,
            b"return-path" => Self::ReturnPath,
            b"return-receipt-to" => Self::ReturnReceiptTo,
            b"sender" => Self::Sender,
            b"to" => Self::To,
            b"tls-required" => Self::TlsRequired,
            b"require-tls-esmtp" => Self::RequireTlsEsmtp,
            _ => return None,
        })
    }

    /// What its addresses are.
    pub fn addresses(self) -> Addresses {
        match self {
            Self::ApparentlyTo
            | Self::Bcc
            | Self::Cc
            | Self::To
            | Self::ResentBcc
            | Self::ResentCc
            | Self::ResentTo
            | Self::ResentReplyTo => Addresses::Recipients,
            Self::DispositionNotificationTo
            | Self::ErrorsTo
            | Self::From
            | Self::MailFollowupTo
            | Self::ReplyTo
            | Self::ResentFrom
            | Self::ResentSender
            | Self::ReturnPath
            | Self::ReturnReceiptTo
            | Self::Sender => Addresses::Senders,
            _ => Addresses::None,
        }
    }

    /// Whether `sendmail -t` takes recipients from it.
    pub fn names_recipients(self) -> bool {
        use Name::{Bcc, Cc, ResentBcc, ResentCc, ResentTo, To};
        matches!(self, Bcc | Cc | To | ResentBcc | ResentCc | ResentTo)
    }

    /// Whether it says that the message has been sent on by somebody (RFC 5322 section 3.6.6).
    pub fn is_resent(self) -> bool {
        (Self::ResentBcc as u8..=Self::ResentTo as u8).contains(&(self as u8))
    }

    /// Whether mime_header_checks apply instead of header_checks.
    pub fn is_mime(self) -> bool {
        use Name::{
            ContentDescription, ContentDisposition, ContentId, ContentTransferEncoding,
            ContentType, MimeVersion,
        };
        matches!(
            self,
            ContentDescription
                | ContentDisposition
                | ContentId
                | ContentTransferEncoding
                | ContentType
                | MimeVersion
        )
    }
}

/// A set of fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names(u64);

impl Names {
    /// Adds a field.
    pub fn insert(&mut self, name: Name) {
        self.0 |= 1 << (name as u8);
    }

    /// Whether it is in the set.
    pub fn contains(self, name: Name) -> bool {
        self.0 & (1 << (name as u8)) != 0
    }
}

/// The length of the field name that `line` starts with, if it starts a header field: printable
/// characters, perhaps blanks (RFC 822 allowed them), a colon.
pub fn field_name_length(line: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (place, byte) in line.iter().enumerate() {
        match byte {
            b':' if length > 0 => return Some(length),
            b' ' | b'\t' if length > 0 => {}
            0x21..=0x7e if *byte != b':' && place == length => length += 1,
            _ => return None,
        }
    }
    None
}

/// Whether `text` is a whole header field, as PREPEND and REPLACE actions need it.
pub fn is_field(text: &[u8]) -> bool {
    field_name_length(text).is_some()
}

/// The name of a field that starts `text` (up to the colon, without blanks before it).
pub fn field_name(text: &[u8]) -> &[u8] {
    let end = memchr::memchr(b':', text).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().trim_ascii_end()
}

/// Longest line that the addresses of a rewritten header are put on.
const FOLD: usize = 70;

/// Joins the lines of a rewritten header, one address each, as long as they stay short.
pub fn fold(field: &mut [u8]) {
    let mut start = 0;
    let mut previous_end = None;
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', field).chain([field.len()]).collect();
    for end in ends {
        if let Some(line_break) = previous_end {
            if end - start < FOLD {
                if let Some(byte) = field.get_mut(line_break) {
                    *byte = b' ';
                }
            } else {
                start = line_break + 1;
            }
        }
        previous_end = Some(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn field_names() {
        assert_eq!(field_name_length(b"Subject: x"), Some(7));
        assert_eq!(field_name_length(b"Subject \t: x"), Some(7));
        assert_eq!(field_name_length(b"a:"), Some(1));
        for no in [&b": x"[..], b" a: x", b"a b: x", b"abc", b"", b"a\x01: x", b"\xe4: x"] {
            assert_eq!(field_name_length(no), None, "{no:?}");
        }
        assert_eq!(Name::parse(b"MESSAGE-id"), Some(Name::MessageId));
        assert_eq!(Name::parse(b"X-Message-id"), None);
        assert!(Name::ResentSender.is_resent() && !Name::ReplyTo.is_resent());
        assert!(Name::ContentType.is_mime() && !Name::ContentLength.is_mime());
    }

    proptest! {
        #[test]
        fn never_panics(line in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = (field_name_length(&line), Name::parse(&line), field_name(&line));
        }
    }

    #[test]
    fn folding() {
        let mut text = b"To: a@b,\nc@d".to_vec();
        fold(&mut text);
        assert_eq!(text, b"To: a@b, c@d");
        let long = "x".repeat(60);
        let mut text = format!("To: {long},\n{long},\nshort").into_bytes();
        fold(&mut text);
        assert_eq!(text, format!("To: {long},\n{long}, short").into_bytes());
    }
}
