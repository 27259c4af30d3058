//! The content as it arrives: cut into lines, header fields gathered, body passed on.
//!
//! What nothing looks at (the body of a message without parts, when no body check is configured)
//! goes to the store in one copy. Everything else is taken line by line; a line longer than
//! line_length_limit counts as several, as it always has in Postfix, so that memory is bounded.

use super::settings::Settings;
use super::{Errors, Message};
use crate::mail::header::{Names, field_name_length};
use crate::mail::mime::{State, Structure};

/// How far a message has been read.
#[derive(Debug)]
pub(super) struct Progress {
    /// Header lines of the caller that have not been taken yet, with line ends.
    prepended: Vec<u8>,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// The field being gathered; empty if none.
    pub field: Vec<u8>,
    /// Whether the last record was part of a line that goes on.
    pub continued: bool,
    pub mime: Structure,
    pub seen: Names,
    pub resent: bool,
    pub hops: u32,
    /// Bytes of body in the current part, for body_checks_size_limit.
    pub body_offset: u64,
    /// MIME problems that were reported: each is only once.
    pub mime_errors: Vec<super::checks::MimeError>,
}

impl Progress {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            prepended: Vec::new(),
            carry: Vec::new(),
            field: Vec::new(),
            continued: false,
            mime: Structure::new(settings.headers.mime),
            seen: Names::default(),
            resent: false,
            hops: 0,
            body_offset: 0,
            mime_errors: Vec::new(),
        }
    }

    pub(super) fn prepend(&mut self, header: &str) {
        self.prepended.extend_from_slice(header.as_bytes());
        self.prepended.push(b'\n');
    }

    /// The next line or, if that is too long, part of a line: the text comes from `rest` or, if it
    /// began earlier, from the carry, which is given away.
    fn cut<'a>(&mut self, rest: &mut &'a [u8], limit: usize) -> Option<(Cut<'a>, bool)> {
        let room = limit.saturating_sub(self.carry.len());
        let window = rest.get(..room).unwrap_or(rest);
        let (taken, skipped, continued) = match memchr::memchr(b'\n', window) {
            Some(end) => (end, end + 1, false),
            None if window.len() == room => (room, room, true),
            None => {
                self.carry.extend_from_slice(rest);
                *rest = &[];
                return None;
            }
        };
        let text = rest.get(..taken).unwrap_or_default();
        *rest = rest.get(skipped..).unwrap_or_default();
        if self.carry.is_empty() {
            return Some((Cut::Whole(text), continued));
        }
        let mut line = std::mem::take(&mut self.carry);
        line.extend_from_slice(text);
        Some((Cut::Joined(line), continued))
    }
}

enum Cut<'a> {
    Whole(&'a [u8]),
    Joined(Vec<u8>),
}

fn until_nul(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).and_then(|end| text.get(..end)).unwrap_or(text)
}

impl Message {
    /// Takes the caller's own header lines.
    pub(super) async fn take_prepended(&mut self) {
        if !self.progress.prepended.is_empty() {
            let lines = std::mem::take(&mut self.progress.prepended);
            self.take_content(&lines).await;
        }
    }

    /// The next bytes of the content.
    pub(super) async fn take_content(&mut self, bytes: &[u8]) {
        if !self.goes_on() {
            return;
        }
        if self.stage.settings.replace_stray_cr && memchr::memchr(b'\r', bytes).is_some() {
            let cleaned: Vec<u8> =
                bytes.iter().map(|b| if *b == b'\r' { b' ' } else { *b }).collect();
            self.take_lines(&cleaned).await;
        } else {
            self.take_lines(bytes).await;
        }
        self.watch_size();
    }

    async fn take_lines(&mut self, mut rest: &[u8]) {
        let limit = self.stage.settings.line_length_limit;
        while !rest.is_empty() && self.goes_on() {
            if self.progress.carry.is_empty() && self.nothing_looks() {
                // A long line that ended the header goes on here; its end is the store's affair.
                self.progress.continued = false;
                self.store.body(rest, &self.stage.writer);
                return;
            }
            match self.progress.cut(&mut rest, limit) {
                Some((Cut::Whole(text), continued)) => self.record(text, continued).await,
                Some((Cut::Joined(text), continued)) => {
                    self.record(&text, continued).await;
                    // The buffer is used again for the next line that is cut.
                    self.progress.carry = text;
                    self.progress.carry.clear();
                }
                None => return,
            }
        }
    }

    /// Whether the rest of the message is body that nobody looks at.
    fn nothing_looks(&self) -> bool {
        self.progress.mime.state == State::Body
            && !self.progress.mime.has_boundaries()
            && !(self.flags.filter && self.stage.settings.checks.look_at_body())
    }

    pub(super) fn watch_size(&mut self) {
        if let Some(failed) = &self.store.failed {
            if !self.errors.any(Errors::WRITE) {
                self.log.warning(format_args!("{}: write queue file: {failed}", self.queue_id));
            }
            self.errors.add(Errors::WRITE);
        }
        let limit = self.stage.settings.message_size_limit;
        if limit > 0 && self.store.length() > limit && !self.errors.any(Errors::SIZE) {
            self.log.warning(format_args!("{}: queue file size limit exceeded", self.queue_id));
            self.errors.add(Errors::SIZE);
        }
    }

    /// The content has ended.
    pub(super) async fn end_of_content(&mut self) {
        if !self.progress.carry.is_empty() && self.goes_on() {
            let last = std::mem::take(&mut self.progress.carry);
            self.record(&last, true).await;
        }
        if self.progress.continued && self.goes_on() {
            self.record(b"", false).await;
        }
        if self.progress.mime.state != State::Body && self.goes_on() {
            self.end_field().await;
            if self.progress.mime.state == State::Primary && self.goes_on() {
                self.end_of_header(b"");
            }
            self.progress.mime.state = State::Body;
        }
        self.store.end_body(&self.stage.writer);
        self.watch_size();
    }

    /// One line, or part of one if `continued`.
    async fn record(&mut self, text: &[u8], continued: bool) {
        let filter = self.flags.filter;
        let stage = self.stage.clone();
        if let Some(set) = stage.settings.checks.reject_characters.as_ref().filter(|_| filter)
            && text.iter().any(|b| set.get(usize::from(*b)) == Some(&true))
        {
            self.reject_characters(text);
            return;
        }
        if let Some(set) = stage.settings.checks.strip_characters.as_ref().filter(|_| filter) {
            let kept: Vec<u8> =
                text.iter().copied().filter(|b| set.get(usize::from(*b)) != Some(&true)).collect();
            self.header_or_body(&kept, continued).await;
        } else {
            self.header_or_body(text, continued).await;
        }
    }

    async fn header_or_body(&mut self, text: &[u8], continued: bool) {
        let was_continued = std::mem::replace(&mut self.progress.continued, continued);
        if self.progress.mime.state != State::Body {
            if self.continues_field(text, was_continued) {
                return;
            }
            self.end_field().await;
            if self.begins_field(text) {
                return;
            }
            self.end_of_block(text);
        }
        if self.goes_on() {
            self.body_record(text, was_continued, continued).await;
        }
    }

    /// Whether the text belongs to the field being gathered. What goes beyond header_size_limit
    /// is dropped.
    fn continues_field(&mut self, text: &[u8], was_continued: bool) -> bool {
        let limit = self.header_limit();
        let progress = &mut self.progress;
        if progress.field.is_empty() {
            return false;
        }
        let folded = matches!(text.first(), Some(b' ' | b'\t'));
        if !was_continued && !folded {
            return false;
        }
        if progress.field.len() < limit {
            if !was_continued {
                progress.field.push(b'\n');
            }
            progress.field.extend_from_slice(until_nul(text));
        }
        true
    }

    /// Whether the text begins a field. Blanks before the colon are not kept.
    fn begins_field(&mut self, text: &[u8]) -> bool {
        let Some(length) = field_name_length(text) else { return false };
        let (name, rest) = text.split_at_checked(length).unwrap_or((text, &[]));
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.progress.field.extend_from_slice(name);
        let rest = rest.get(blanks..).unwrap_or_default();
        self.progress.field.extend_from_slice(until_nul(rest));
        true
    }

    /// The field is complete.
    async fn end_field(&mut self) {
        if self.progress.field.is_empty() {
            return;
        }
        let mut field = std::mem::take(&mut self.progress.field);
        self.take_field(&field).await;
        field.clear();
        self.progress.field = field;
    }

    /// `text` ends a block of header fields: it is empty, or it is no field.
    fn end_of_block(&mut self, text: &[u8]) {
        let primary = self.progress.mime.state == State::Primary;
        if primary && self.goes_on() {
            self.end_of_header(text);
        }
        self.check_encoding_domain();
        self.progress.mime.end_of_headers(!text.is_empty());
        self.progress.body_offset = 0;
        if primary && !text.is_empty() && self.goes_on() {
            self.put_body(b"", false);
        }
    }

    pub(super) fn put_body(&mut self, text: &[u8], continued: bool) {
        self.store.body_record(text, continued, &self.stage.writer);
        self.progress.body_offset += text.len() as u64 + 1;
    }

    async fn body_record(&mut self, text: &[u8], was_continued: bool, continued: bool) {
        self.check_8bit_body(text);
        if !was_continued && self.progress.mime.has_boundaries() {
            self.progress.mime.body_line(text);
            if self.progress.mime.state != State::Body {
                self.progress.body_offset = 0;
            }
        }
        if self.flags.filter && self.stage.settings.checks.body.is_some() {
            self.check_body(text, continued).await;
        } else {
            self.put_body(text, continued);
        }
    }
}
