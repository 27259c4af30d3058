//! What an SMTP or LMTP server says: reply codes, enhanced status codes, several lines.
//!
//! Server text is hostile until proven otherwise: what cannot be printed becomes `?`, and only a
//! bounded part of a long reply is kept.

use std::borrow::Cow;

use crate::mail::status::Status;

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// The enhanced status code at the front of the last line if it fits the reply code;
    /// otherwise `X.0.0`, or `5.5.0` where the code is neither 2yz, 4yz nor 5yz.
    pub status: Status,
    /// All lines with their codes, joined with LF.
    pub text: String,
}

/// Puts the lines of one reply together.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    text: String,
}

/// What a line did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More lines follow.
    More,
    /// This is no reply line; the server has lost its way, or we have. More lines follow.
    Garbage,
    /// The reply is complete.
    Done(Reply),
}

impl Reply {
    /// Whether the first digit is `digit`.
    pub fn is(&self, digit: u16) -> bool {
        self.code / 100 == digit
    }

    /// The text on one line, as log lines and bounces quote it.
    pub fn one_line(&self) -> String {
        self.text.replace('\n', " ")
    }

    /// The extensions that a reply to EHLO or LHLO announces: the words of each line, the
    /// server's own name first. `=` separates words too, as some old servers write `AUTH=LOGIN`.
    pub fn announced(&self) -> impl Iterator<Item = Vec<&str>> {
        self.text.split('\n').filter_map(|line| {
            let rest = line.get(3..)?.trim_start_matches(['-', ' ']);
            let mut words = rest.splitn(2, [' ', '\t', '=']).filter(|word| !word.is_empty());
            let first = words.next()?;
            let others = words.next().unwrap_or_default().split([' ', '\t']);
            Some(std::iter::once(first).chain(others.filter(|word| !word.is_empty())).collect())
        })
    }
}

impl Collector {
    /// Takes one line without its line end. No more than about `limit` bytes of text are kept
    /// (`line_length_limit`).
    pub fn line(&mut self, line: &str, limit: usize) -> Step {
        if self.text.len() < limit {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.text.push_str(line);
        }
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let code = match line.get(..3).map(str::parse) {
            Some(Ok(code)) if digits == 3 => code,
            _ => return Step::Garbage,
        };
        match line.as_bytes().get(3) {
            Some(b'-') => Step::More,
            None | Some(b' ') => {
                let status = status(code, line.get(3..).unwrap_or_default());
                Step::Done(Reply { code, status, text: std::mem::take(&mut self.text) })
            }
            Some(_) => Step::Garbage,
        }
    }

    /// Whether a line would be dropped because enough has been kept.
    pub fn is_full(&self, limit: usize) -> bool {
        self.text.len() >= limit
    }

    /// What has been kept so far.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The status of a reply whose text begins with `rest`.
fn status(code: u16, rest: &str) -> Status {
    let Some(class) = u8::try_from(code / 100).ok().filter(|class| matches!(class, 2 | 4 | 5))
    else {
        return Status::new(5, 5, 0);
    };
    let given = Status::split(rest.trim_start_matches(' ')).0;
    given.filter(|given| given.class == class).unwrap_or(Status::new(class, 0, 0))
}

/// The bytes of a line as printable text: control characters and broken UTF-8 become `?`.
pub fn printable(line: &[u8]) -> Cow<'_, str> {
    if line.iter().all(|b| (b' '..=b'~').contains(b)) {
        return String::from_utf8_lossy(line);
    }
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        let shown = |c: char| if c.is_ascii_control() { '?' } else { c };
        text.extend(chunk.valid().chars().map(shown));
        text.extend(std::iter::repeat_n('?', chunk.invalid().len()));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(lines: &[&str]) -> Reply {
        let mut collector = Collector::default();
        for line in lines {
            if let Step::Done(reply) = collector.line(line, 2048) {
                return reply;
            }
        }
        panic!("no reply in {lines:?}");
    }

    #[test]
    fn codes_and_statuses() {
        for (line, code, status) in [
            ("250 2.1.0 Ok", 250, (2, 1, 0)),
            ("250", 250, (2, 0, 0)),
            ("550 no such user", 550, (5, 0, 0)),
            ("550 4.1.1 contradictory", 550, (5, 0, 0)),
            ("354 go ahead", 354, (5, 5, 0)),
            ("999 what", 999, (5, 5, 0)),
            ("550   5.7.1 spaces", 550, (5, 7, 1)),
        ] {
            let reply = reply(&[line]);
            let (class, subject, detail) = status;
            assert_eq!(reply.code, code, "{line}");
            assert_eq!(reply.status, Status::new(class, subject, detail), "{line}");
        }
    }

    #[test]
    fn the_last_line_decides() {
        let reply = reply(&["550-5.1.1 first", "550-5.1.2 second", "550 5.1.3 last"]);
        assert_eq!(reply.status, Status::new(5, 1, 3));
        assert_eq!(reply.one_line(), "550-5.1.1 first 550-5.1.2 second 550 5.1.3 last");
    }

    #[test]
    fn garbage_is_kept_and_read_over() {
        let mut collector = Collector::default();
        assert_eq!(collector.line("hello", 2048), Step::Garbage);
        assert_eq!(collector.line("2500 x", 2048), Step::Garbage);
        assert!(matches!(collector.line("250 ok", 2048), Step::Done(reply) if reply.code == 250));
    }

    #[test]
    fn announcements() {
        let reply =
            reply(&["250-mx.example hello", "250-SIZE 1000", "250-AUTH=PLAIN LOGIN", "250 DSN"]);
        let words: Vec<_> = reply.announced().collect();
        assert_eq!(
            words,
            [
                vec!["mx.example", "hello"],
                vec!["SIZE", "1000"],
                vec!["AUTH", "PLAIN", "LOGIN"],
                vec!["DSN"],
            ]
        );
    }

    #[test]
    fn unprintable_bytes() {
        assert_eq!(printable(b"a\x00b\xffc"), "a?b?c");
        assert_eq!(printable("ü".as_bytes()), "ü");
    }

    #[test]
    fn audit_2026_05_29_endless_reply() {
        let mut collector = Collector::default();
        for _ in 0..100_000 {
            assert_eq!(collector.line("250-still more to say about nothing", 1000), Step::More);
        }
        assert!(collector.is_full(1000));
        assert!(collector.text().len() < 4000, "{}", collector.text().len());
    }

    #[test]
    fn audit_2026_07_08_reply_without_a_status() {
        for (line, status) in [
            ("550", (5, 0, 0)),
            ("550 ", (5, 0, 0)),
            ("550 5.", (5, 0, 0)),
            ("550 5.7.", (5, 0, 0)),
            ("450 4.7.1", (4, 7, 1)),
        ] {
            let (class, subject, detail) = status;
            assert_eq!(reply(&[line]).status, Status::new(class, subject, detail), "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_bounded_and_harmless(lines in prop::collection::vec(any::<Vec<u8>>(), 0..50)) {
            let mut collector = Collector::default();
            for line in &lines {
                let line = printable(line);
                prop_assert!(!line.chars().any(|c| c.is_ascii_control()));
                if let Step::Done(reply) = collector.line(&line, 100) {
                    prop_assert!(reply.text.len() <= 100 + 1 + 4 * 256);
                    prop_assert!(reply.code < 1000);
                    prop_assert!(reply.announced().all(|words| !words.is_empty()));
                    collector = Collector::default();
                }
            }
        }
    }
}
