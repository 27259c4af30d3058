//! `sendmail -t`: watches the header go by and picks the recipients out of it. Pure.

use crate::mail::address::List;
use crate::mail::header::{field_name, is_field};

/// The watcher.
#[derive(Debug)]
pub(super) struct Watcher {
    /// The field that is being read, line ends included.
    field: Vec<u8>,
    in_header: bool,
    /// The last piece was a part of a line.
    in_line: bool,
    resent: bool,
    ordinary_recipients: Vec<Vec<u8>>,
    resent_recipients: Vec<Vec<u8>>,
    /// `header_size_limit`
    limit: usize,
}

/// What a piece of the message means for the copy of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// It is copied.
    Copy,
    /// An empty line goes before it: the header ended without one.
    EmptyLineFirst,
    /// A header field is too long.
    TooLong,
}

impl Watcher {
    /// Header fields may have `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            field: Vec::new(),
            in_header: true,
            in_line: false,
            resent: false,
            ordinary_recipients: Vec::new(),
            resent_recipients: Vec::new(),
            limit,
        }
    }

    /// Looks at the next line, or part of one.
    pub(super) fn piece(&mut self, bytes: &[u8], ends_line: bool) -> Piece {
        if !self.in_header {
            return Piece::Copy;
        }
        let continues_line = std::mem::replace(&mut self.in_line, !ends_line);
        if continues_line {
            self.field.extend_from_slice(bytes);
        } else if !self.field.is_empty() && bytes.starts_with(b" ")
            || !self.field.is_empty() && bytes.starts_with(b"\t")
        {
            self.field.push(b'\n');
            self.field.extend_from_slice(bytes);
        } else if is_field(bytes) {
            self.end_of_field();
            self.field.extend_from_slice(bytes);
        } else {
            self.finish();
            return if bytes.is_empty() { Piece::Copy } else { Piece::EmptyLineFirst };
        }
        if self.field.len() > self.limit { Piece::TooLong } else { Piece::Copy }
    }

    /// The message has ended, or its header has.
    pub(super) fn finish(&mut self) {
        self.end_of_field();
        self.in_header = false;
    }

    /// The recipients found, internal form: those of Resent- fields if there are any.
    pub(super) fn recipients(&self) -> &[Vec<u8>] {
        if self.resent { &self.resent_recipients } else { &self.ordinary_recipients }
    }

    fn end_of_field(&mut self) {
        let field = std::mem::take(&mut self.field);
        let name = field_name(&field);
        let resent = match name.to_ascii_lowercase().as_slice() {
            b"to" | b"cc" | b"bcc" => false,
            b"resent-to" | b"resent-cc" | b"resent-bcc" => true,
            _ => return,
        };
        if self.resent && !resent {
            return;
        }
        self.resent |= resent;
        let found =
            if resent { &mut self.resent_recipients } else { &mut self.ordinary_recipients };
        // Postfix starts one byte after the name, wherever the colon is.
        let value = field.get(name.len() + 1..).unwrap_or_default();
        let list = List::parse(value, usize::MAX);
        found.extend(list.addresses().map(crate::mail::address::Address::internal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipients(header: &str) -> Vec<String> {
        let mut watcher = Watcher::new(1000);
        for line in header.lines() {
            assert_ne!(watcher.piece(line.as_bytes(), true), Piece::TooLong);
        }
        watcher.finish();
        watcher.recipients().iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect()
    }

    #[test]
    fn extracts() {
        assert_eq!(
            recipients("To: bob,\n carol (x)\nSubject: to: x\nBcc: D <dave@x>\n\nTo: alice\n"),
            ["bob", "carol", "dave@x"]
        );
        assert_eq!(recipients("To: a\nResent-To: b\nCc: c\nResent-Cc: d\n"), ["b", "d"]);
        assert_eq!(recipients("Apparently-To: a\n"), Vec::<String>::new());
        assert_eq!(recipients("body\nTo: a\n"), Vec::<String>::new());
    }

    #[test]
    fn a_header_without_end() {
        let mut watcher = Watcher::new(1000);
        assert_eq!(watcher.piece(b"To: a", true), Piece::Copy);
        assert_eq!(watcher.piece(b"text", true), Piece::EmptyLineFirst);
        assert_eq!(watcher.piece(b"more", true), Piece::Copy);
        assert_eq!(watcher.recipients().len(), 1);
        assert_eq!(Watcher::new(3).piece(b"To: a", true), Piece::TooLong);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(?s)[A-Za-z:<>@,;\"()\\\\ \\n]{0,200}") {
            let mut watcher = Watcher::new(100);
            for line in text.lines() {
                watcher.piece(line.as_bytes(), true);
            }
            watcher.finish();
        }
    }
}
