//! Logical lines of table source files: continuation lines joined, comments and blank lines
//! gone. The same grammar as main.cf, postmap(1) and regexp_table(5) describe.

use std::borrow::Cow;

/// Where a parser says what it does not like; each text is one warning for the log.
pub type Report<'a> = dyn FnMut(String) + 'a;

/// One logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its text: never empty, never begins with white space, ends before any NUL byte.
    pub text: Cow<'a, [u8]>,
    /// The number of its first physical line.
    pub number: usize,
}

/// Takes logical lines off a text.
#[derive(Debug)]
pub struct Lines<'a> {
    path: &'a str,
    rest: &'a [u8],
    count: usize,
}

/// White space as in the C locale.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// `text` without white space at both ends.
pub fn trim(text: &[u8]) -> &[u8] {
    trim_end(trim_start(text))
}

/// `text` without white space at its start.
pub fn trim_start(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|b| !is_space(*b)).unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

/// `text` without white space at its end.
pub fn trim_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|b| !is_space(*b)).map_or(0, |last| last + 1);
    text.get(..end).unwrap_or_default()
}

/// Bytes as text for a message: what is not UTF-8 is shown as `?`, as in Postfix's log.
pub fn show(text: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(text) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        shown.push_str(chunk.valid());
        shown.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(shown)
}

impl<'a> Lines<'a> {
    /// The lines of `text`; `path` is for messages.
    pub fn new(path: &'a str, text: &'a [u8]) -> Self {
        Self { path, rest: text, count: 0 }
    }

    /// The next physical line without its LF.
    fn physical(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.count += 1;
        let (line, rest) = match memchr::memchr(b'\n', self.rest) {
            Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
            None => (self.rest, &[][..]),
        };
        self.rest = rest;
        Some(line)
    }

    /// Whether the physical line that follows belongs to the logical line before it.
    fn continues(&self) -> bool {
        self.rest.first().is_some_and(|first| *first == b'#' || is_space(*first))
    }

    /// The next logical line.
    pub fn next(&mut self, report: &mut Report<'_>) -> Option<Line<'a>> {
        loop {
            let (mut text, number) = self.join()?;
            if memchr::memchr(0, &text).is_some() {
                let last = self.count;
                let lines =
                    if number == last { last.to_string() } else { format!("{number}-{last}") };
                report(format!("{}, line {lines}: text after null byte may be ignored", self.path));
            }
            if text.first().is_some_and(|first| is_space(*first)) {
                let text = cut_at_nul(text);
                let head = text.get(..30).unwrap_or(&text);
                let more = if text.len() > 30 { "..." } else { "" };
                report(format!(
                    "{}: logical line must not start with whitespace: \"{}{more}\"",
                    self.path,
                    show(head)
                ));
                continue;
            }
            text = cut_at_nul(text);
            return Some(Line { text, number });
        }
    }

    /// Joins physical lines up to the start of the next logical line.
    fn join(&mut self) -> Option<(Cow<'a, [u8]>, usize)> {
        let mut text: Cow<'a, [u8]> = Cow::Borrowed(&[]);
        let mut number = self.count;
        while let Some(line) = self.physical() {
            if text.is_empty() {
                number = self.count;
            }
            let first = line.iter().find(|b| !is_space(**b));
            if first.is_some_and(|first| *first != b'#') {
                if text.is_empty() {
                    text = Cow::Borrowed(line);
                } else {
                    text.to_mut().extend_from_slice(line);
                }
            }
            if !text.is_empty() && !self.continues() {
                break;
            }
        }
        (!text.is_empty()).then_some((text, number))
    }
}

fn cut_at_nul(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let Some(end) = memchr::memchr(0, &text) else {
        return text;
    };
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or_default()),
        Cow::Owned(mut text) => {
            text.truncate(end);
            Cow::Owned(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8]) -> (Vec<(String, usize)>, Vec<String>) {
        let mut warnings = Vec::new();
        let mut lines = Lines::new("file", text);
        let mut found = Vec::new();
        while let Some(line) = lines.next(&mut |text| warnings.push(text)) {
            found.push((show(&line.text).into_owned(), line.number));
        }
        (found, warnings)
    }

    #[test]
    fn continuations_and_comments() {
        for (input, expected) in [
            ("#abc\ndef", ("def", 2)),
            ("\nabc\n", ("abc", 2)),
            (" \nabc\n", ("abc", 2)),
            ("abc def", ("abc def", 1)),
            ("abc\n def\n", ("abc def", 1)),
            ("abc\n #def\n ghi", ("abc ghi", 1)),
            ("abc\n#def\n ghi", ("abc ghi", 1)),
            ("abc\n \n ghi", ("abc ghi", 1)),
            ("abc\n\n ghi", ("abc ghi", 1)),
            ("abc\n#def\n", ("abc", 1)),
            ("abc\n ", ("abc", 1)),
        ] {
            assert_eq!(all(input.as_bytes()).0, [(expected.0.to_owned(), expected.1)], "{input:?}");
        }
        assert_eq!(all(b"#abc def").0, []);
        assert_eq!(all(b"\n \n").0, []);
    }

    #[test]
    fn warnings() {
        let (found, warnings) = all(b" abcde\nfghij\n");
        assert_eq!(found, [("fghij".to_owned(), 2)]);
        assert_eq!(warnings, ["file: logical line must not start with whitespace: \" abcde\""]);
        let (found, warnings) = all(b"abc\0\n def\nx\n");
        assert_eq!(found, [("abc".to_owned(), 1), ("x".to_owned(), 3)]);
        assert_eq!(warnings, ["file, line 1-2: text after null byte may be ignored"]);
    }

    proptest! {
        #[test]
        fn any_bytes(text: Vec<u8>) {
            let mut lines = Lines::new("file", &text);
            while let Some(line) = lines.next(&mut |_| ()) {
                // A NUL at the very start leaves an empty text; nothing else does.
                prop_assert!(line.text.is_empty() || !is_space(line.text[0]));
                prop_assert!(!line.text.contains(&0));
            }
        }
    }
}
