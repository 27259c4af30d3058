//! One header field: checked, taken note of, its addresses rewritten.

use super::mapping::Whose;
use super::{Errors, Message};
use crate::log::Log;
use crate::mail::address::{self, Address, List};
use crate::mail::envelope::{Body, RewriteContext, TlsWish};
use crate::mail::header::{Addresses, Name, field_name, fold};
use crate::mail::mime::{Encoding, State};

/// Bytes of a message for the log: what is no UTF-8 shows as `?`, as control characters do.
pub(super) struct Shown<'a>(pub &'a [u8]);

impl std::fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            for _ in chunk.invalid() {
                f.write_str("?")?;
            }
        }
        Ok(())
    }
}

fn value_of(field: &[u8], name: &[u8]) -> Vec<u8> {
    let value = field.get(name.len() + 1..).unwrap_or_default();
    value.trim_ascii_start().to_vec()
}

impl Message {
    /// A complete field, as it stands in the message.
    pub(super) async fn take_field(&mut self, field: &[u8]) {
        let mut class = self.progress.mime.state;
        let mut name = Name::parse(field_name(field));
        self.note_structure(name, field);
        self.check_8bit_header(field);
        if name.is_some_and(Name::is_mime) {
            class = State::Multipart;
        }
        if name == Some(Name::Received) {
            self.progress.hops += 1;
        }
        let replaced;
        let mut field = field;
        match self.check_header(class, field).await {
            super::checks::Checked::Keep => {}
            super::checks::Checked::Drop => return,
            super::checks::Checked::Replace(text) => {
                replaced = text;
                field = &replaced;
                name = Name::parse(field_name(field));
            }
        }
        let Some(name) = name else {
            self.take_unknown(class, field);
            return;
        };
        if name == Name::ContentTransferEncoding {
            self.note_8bit(field);
        }
        if class == State::Primary {
            self.take_known(name, field).await;
        } else {
            self.put_header(field);
        }
    }

    fn take_unknown(&mut self, class: State, field: &[u8]) {
        let drop = &self.stage.settings.headers.drop_other;
        let name = field_name(field);
        let dropped = class == State::Primary && drop.iter().any(|d| name.eq_ignore_ascii_case(d));
        if !dropped {
            self.put_header(field);
        }
    }

    /// Takes note of what the field says about the structure of the message.
    fn note_structure(&mut self, name: Option<Name>, field: &[u8]) {
        if self.stage.settings.headers.disable_mime {
            return;
        }
        let value = |name: &[u8]| field.get(name.len() + 1..).unwrap_or_default();
        match name {
            Some(Name::ContentType) => {
                let within = self.progress.mime.set_content_type(value(b"content-type"));
                if !within && self.flags.filter && self.stage.settings.checks.report_nesting {
                    self.mime_error(super::checks::MimeError::Nesting, field);
                }
            }
            Some(Name::ContentTransferEncoding) => {
                self.progress.mime.set_encoding(value(b"content-transfer-encoding"));
            }
            _ => {}
        }
    }

    /// A field, in whatever part, that says 8bit makes the message 8-bit mail.
    fn note_8bit(&mut self, field: &[u8]) {
        let value = value_of(field, b"content-transfer-encoding");
        let wide = matches!(Encoding::parse(&value), Some(Encoding::EightBit | Encoding::Binary));
        if self.stage.settings.headers.detect_8bit && wide {
            self.envelope.body = Some(Body::EightBitMime);
        }
    }

    fn is_dropped(&self, name: Name) -> bool {
        self.stage.settings.headers.drop_known.contains(name)
    }

    /// Whose rules complete addresses of headers; none: they stay as they are.
    pub(super) fn header_context(&self) -> Option<RewriteContext> {
        match self.envelope.rewrite_context {
            RewriteContext::Local => Some(RewriteContext::Local),
            RewriteContext::Remote if self.stage.settings.remote_header_rewrite => {
                Some(RewriteContext::Remote)
            }
            RewriteContext::Remote => None,
        }
    }

    async fn take_known(&mut self, name: Name, field: &[u8]) {
        self.progress.seen.insert(name);
        match name {
            Name::MessageId => self.log_id("message-id", &value_of(field, b"message-id")),
            Name::ResentMessageId => {
                self.log_id("resent-message-id", &value_of(field, b"resent-message-id"));
            }
            Name::Received if self.progress.hops >= self.stage.settings.headers.hopcount_limit => {
                self.log.warning(format_args!(
                    "{}: message rejected: hopcount exceeded",
                    self.queue_id
                ));
                self.errors.add(Errors::HOPS);
            }
            Name::Received if self.progress.hops == 1 => {
                // Ours: milters do not see it.
                self.own_received = self.flags.milters_expected.then(|| field.to_vec());
            }
            Name::TlsRequired if self.stage.settings.headers.tls_required => {
                self.note_tls_required(field);
            }
            Name::RequireTlsEsmtp
                if self.stage.settings.headers.require_tls_header
                    && value_of(field, b"require-tls-esmtp").eq_ignore_ascii_case(b"yes") =>
            {
                self.envelope.tls_wish = self.envelope.tls_wish.with(TlsWish::REQUIRED);
            }
            _ => {}
        }
        if !self.goes_on() {
            return;
        }
        self.progress.resent |= name.is_resent();
        let whose = match name.addresses() {
            Addresses::Senders => Whose::HeaderSender,
            Addresses::Recipients => Whose::HeaderRecipient,
            Addresses::None => {
                if !self.is_dropped(name) {
                    self.put_header(field);
                }
                return;
            }
        };
        match self.header_context() {
            _ if self.is_dropped(name) => {}
            None => self.put_header(field),
            Some(context) => self.rewrite_field(context, whose, field).await,
        }
    }

    /// RFC 8689 section 3.
    fn note_tls_required(&mut self, field: &[u8]) {
        if value_of(field, b"tls-required").eq_ignore_ascii_case(b"no") {
            self.envelope.tls_wish = self.envelope.tls_wish.with(TlsWish::NOT_NEEDED);
        } else {
            self.log.warning(format_args!(
                "ignoring malformed header: '{:.100}'",
                Shown(field).to_string()
            ));
        }
    }

    pub(super) fn log_id(&self, what: &str, value: &[u8]) {
        self.log.info(format_args!("{}: {what}={}", self.queue_id, Shown(value)));
    }

    /// Rewrites each address of a field; a field that needs no change stays as it is.
    async fn rewrite_field(&mut self, context: RewriteContext, whose: Whose, field: &[u8]) {
        let name = field_name(field);
        let value = field.get(name.len() + 1..).unwrap_or_default();
        let mapped = self.maps_addresses(whose);
        let mut list = List::parse(value, self.stage.settings.headers.token_limit);
        let mut changed = false;
        for address in list.addresses_mut() {
            changed |= self.stage.rewrite.rewrite_header_address(context, address);
            if mapped {
                changed |= self.map_header_address(whose, address).await;
            }
        }
        if !changed {
            self.put_header(field);
            return;
        }
        let mut text = Vec::with_capacity(field.len() + 64);
        text.extend_from_slice(name);
        text.extend_from_slice(b": ");
        let before = text.clone();
        if list.push_header(&mut text) > 0 {
            let shown = text.get(before.len()..).unwrap_or_default();
            warn_stripped(&self.log, shown);
        }
        fold(&mut text);
        self.put_header(&text);
    }

    async fn map_header_address(&mut self, whose: Whose, address: &mut Address) -> bool {
        let internal = address::unquote_bytes(&address.external());
        let Ok(mut internal) = String::from_utf8(internal) else { return false };
        if !self.map_address(whose, &mut internal).await {
            return false;
        }
        *address = Address::from_external(address::quote_822(&internal).as_bytes());
        true
    }

    /// Puts a field into the message, each continuation line with a tab if it has no blank. What
    /// goes beyond header_size_limit is cut off, at the end of a line where that loses little.
    pub(super) fn put_header(&mut self, field: &[u8]) {
        if !self.goes_on() {
            return;
        }
        if self.stage.settings.smtputf8 && !field.is_ascii() {
            self.envelope.utf8_header = true;
            self.envelope.smtputf8 |= self.flags.detect_utf8;
        }
        for_lines(field, self.header_limit(), |line, first| {
            if first {
                self.store.field_begins(line, &self.stage.writer);
            } else {
                self.store.header_line(line, &self.stage.writer);
            }
        });
    }

    /// header_size_limit; milters cannot take more than 64K with all that goes with it.
    pub(super) fn header_limit(&self) -> usize {
        let limit = self.stage.settings.headers.size_limit;
        if self.flags.milters_expected { limit.min(MILTER_HEADER_MAX) } else { limit }
    }
}

/// Longest header field while there are milters.
const MILTER_HEADER_MAX: usize = 60_000;

/// The lines of a field as they are stored, and whether each is the first.
pub(super) fn for_lines(field: &[u8], limit: usize, mut take: impl FnMut(&[u8], bool)) {
    let mut start = 0;
    for line in field.split(|b| *b == b'\n') {
        let mut line = line;
        let too_long = start + line.len() > limit;
        if too_long {
            if start * 10 > limit * 9 {
                break;
            }
            line = line.get(..limit.saturating_sub(start)).unwrap_or(line);
        }
        if start == 0 || matches!(line.first(), Some(b' ' | b'\t')) {
            take(line, start == 0);
        } else {
            take(&[b"\t", line].concat(), false);
        }
        if too_long {
            break;
        }
        start += line.len() + 1;
    }
}

fn warn_stripped(log: &Log, text: &[u8]) {
    log.warning(format_args!(
        "stripping too many comments from address: {:.100}...",
        Shown(text).to_string()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_bytes() {
        assert_eq!(Shown(b"a\xffb\xc3").to_string(), "a?b?");
    }
}
