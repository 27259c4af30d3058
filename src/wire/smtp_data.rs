//! Message content on its way in: line ends become LF, dots are unstuffed, and the end of DATA is
//! decided. This is the one place that decides it, so "SMTP smuggling" is settled here.
//!
//! Content is counted and cut as Postfix does it: in records of one line, or of
//! `line_length_limit` bytes of a longer line, each of which counts two bytes more than it holds.

use super::line::{self, Line};

/// What to do about lines that end in LF without CR (`smtpd_forbid_bare_newline`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BareLf {
    /// `no`, and clients in smtpd_forbid_bare_newline_exclusions: as good as CRLF.
    #[default]
    Allow,
    /// `normalize`: a line end, but no part of an end-of-data sequence.
    Normalize,
    /// `note`: the same, and the disconnect line says so.
    Note,
    /// `reject`: the same, and the message is refused.
    Reject,
}

impl BareLf {
    /// Whether CRLF.CRLF is the only end of data.
    pub const fn is_strict(self) -> bool {
        !matches!(self, Self::Allow)
    }
}

/// How content is read.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `line_length_limit`
    pub line: usize,
    /// `message_size_limit`; `None` is no limit.
    pub size: Option<u64>,
    /// `smtpd_forbid_bare_newline`, for this client.
    pub bare_lf: BareLf,
}

/// What has been seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes as Postfix counts them: CRLF is two, whatever the client sent.
    pub size: u64,
    /// `message_size_limit` was exceeded; nothing is stored any more.
    pub too_big: bool,
    /// A line ended in LF without CR, and [`BareLf::Reject`] holds; nothing is stored any more.
    pub rejected: bool,
    /// A line ended in LF without CR, and [`BareLf::Note`] holds.
    pub noted: bool,
}

impl Tally {
    const fn is_clean(self) -> bool {
        !self.too_big && !self.rejected
    }

    fn bare_lf(&mut self, rule: BareLf) {
        match rule {
            BareLf::Reject => self.rejected = true,
            BareLf::Note => self.noted = true,
            BareLf::Allow | BareLf::Normalize => {}
        }
    }

    /// Counts a record and stores it if all is well.
    fn store(&mut self, text: &[u8], end: &[u8], size: Option<u64>, out: &mut Vec<u8>) {
        if !self.is_clean() {
            return;
        }
        let counted = text.len() as u64 + 2;
        if size.is_some_and(|size| size.saturating_sub(self.size) < counted) {
            self.too_big = true;
            return;
        }
        self.size += counted;
        out.extend_from_slice(text);
        out.extend_from_slice(end);
    }
}

/// The content after DATA.
#[derive(Clone, Debug)]
pub struct Data {
    limits: Limits,
    /// What has been seen.
    pub tally: Tally,
    inside_line: bool,
    after_bare_lf: bool,
    first: bool,
}

/// How far [`Data::take`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// So many bytes of the buffer are used up.
    pub used: usize,
    /// The end of data was among them.
    pub finished: bool,
}

impl Data {
    /// Right after the 354 reply.
    pub const fn new(limits: Limits) -> Self {
        let tally = Tally { size: 0, too_big: false, rejected: false, noted: false };
        Self { limits, tally, inside_line: false, after_bare_lf: false, first: true }
    }

    /// Takes as much of `input` as is certain, and appends the content to `out`. What is not
    /// used (part of a line) must stand at the front of the next `input`.
    pub fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> Taken {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            match line::take(rest, self.limits.line, self.limits.bare_lf.is_strict()) {
                Line::Incomplete => return Taken { used, finished: false },
                Line::Whole { text, bare_lf, used: taken } => {
                    used += taken;
                    if self.whole_line(text, bare_lf, out) {
                        return Taken { used, finished: true };
                    }
                }
                Line::TooLong { text } => {
                    used += text.len();
                    self.record(text, false, out);
                    self.inside_line = true;
                    self.after_bare_lf = false;
                }
            }
        }
    }

    /// Returns whether this was the end of data.
    fn whole_line(&mut self, text: &[u8], bare_lf: bool, out: &mut Vec<u8>) -> bool {
        if bare_lf {
            self.tally.bare_lf(self.limits.bare_lf);
        }
        if text == b"." && !self.inside_line {
            if !bare_lf && !self.after_bare_lf {
                return true;
            }
            // Half an end of data: dropped, so that no next server takes it for one.
            self.first = false;
        } else {
            self.record(text, true, out);
        }
        self.inside_line = false;
        self.after_bare_lf = bare_lf;
        false
    }

    fn record(&mut self, text: &[u8], complete: bool, out: &mut Vec<u8>) {
        if self.first {
            self.first = false;
            self.start_of_content(text, out);
        }
        let text = match text.strip_prefix(b".") {
            Some(unstuffed) if !self.inside_line => unstuffed,
            _ => text,
        };
        let end: &[u8] = if complete { b"\n" } else { b"" };
        self.tally.store(text, end, self.limits.size, out);
    }

    /// A mailbox separator is made a header; content that starts with white space must not
    /// continue the header that the server puts before it.
    fn start_of_content(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let past_marks = text.iter().position(|b| *b != b'>').unwrap_or(text.len());
        if text.get(past_marks..).is_some_and(|t| t.starts_with(b"From ")) {
            out.extend_from_slice(b"X-Mailbox-Line: ");
            self.tally.size += 16;
        }
        if matches!(text.first(), Some(b' ' | b'\t')) {
            out.push(b'\n');
        }
    }
}

/// The content of BDAT chunks (RFC 3030): no dots, no end of data but the announced length.
#[derive(Clone, Debug)]
pub struct Chunks {
    limits: Limits,
    /// What has been seen.
    pub tally: Tally,
    /// The beginning of a line that may go on in the next piece or chunk.
    partial: Vec<u8>,
}

impl Chunks {
    /// Before the first chunk of a message.
    pub const fn new(limits: Limits) -> Self {
        let tally = Tally { size: 0, too_big: false, rejected: false, noted: false };
        Self { limits, tally, partial: Vec::new() }
    }

    /// Takes a piece of a chunk, all of it, and appends the content to `out`.
    pub fn take(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(piece);
        let mut used = 0;
        loop {
            let rest = joined.get(used..).unwrap_or_default();
            match line::take(rest, self.limits.line, self.limits.bare_lf.is_strict()) {
                Line::Incomplete => break,
                Line::Whole { text, bare_lf, used: taken } => {
                    used += taken;
                    if bare_lf {
                        self.tally.bare_lf(self.limits.bare_lf);
                    }
                    self.tally.store(text, b"\n", self.limits.size, out);
                }
                Line::TooLong { text } => {
                    used += text.len();
                    self.tally.store(text, b"", self.limits.size, out);
                }
            }
        }
        joined.drain(..used);
        self.partial = joined;
    }

    /// Bytes that wait for the rest of their line.
    pub fn pending(&self) -> usize {
        self.partial.len()
    }

    /// After the last chunk: a line without end is completed.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let rest = std::mem::take(&mut self.partial);
        if !rest.is_empty() {
            self.tally.store(&rest, b"\n", self.limits.size, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(bare_lf: BareLf) -> Limits {
        Limits { line: 20, size: None, bare_lf }
    }

    /// Content, what was left over, and the tally.
    fn data(input: &[u8], bare_lf: BareLf) -> Option<(Vec<u8>, Vec<u8>, Tally)> {
        let mut decoder = Data::new(limits(bare_lf));
        let mut out = Vec::new();
        let taken = decoder.take(input, &mut out);
        taken.finished.then(|| (out, input[taken.used..].to_vec(), decoder.tally))
    }

    #[test]
    fn ends_at_dot_only() {
        let (out, rest, tally) = data(b"a\r\n..b\r\n.\r\nQUIT\r\n", BareLf::Normalize).unwrap();
        assert_eq!((out.as_slice(), rest.as_slice()), (&b"a\n.b\n"[..], &b"QUIT\r\n"[..]));
        assert_eq!(tally.size, 7);
        assert!(data(b"a\r\n.", BareLf::Normalize).is_none());
        assert!(data(b"a\r\n.\r", BareLf::Normalize).is_none());
    }

    #[test]
    fn smuggling_sequences_do_not_end_data() {
        for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r\n.\r\r\n", "\r.\r\n", "\r.\r"] {
            let input = format!("a{end}MAIL FROM:<x>\r\n.\r\n");
            let (out, rest, _) = data(input.as_bytes(), BareLf::Normalize).unwrap();
            assert!(rest.is_empty(), "{end:?}");
            assert!(String::from_utf8_lossy(&out).contains("MAIL FROM:<x>\n"), "{end:?}");
        }
        let (out, _, _) = data(b"a\n.\nb\r\n.\r\n", BareLf::Normalize).unwrap();
        assert_eq!(out, b"a\nb\n");
        let (out, rest, _) = data(b"a\n.\nb", BareLf::Allow).unwrap();
        assert_eq!((out.as_slice(), rest.as_slice()), (&b"a\n"[..], &b"b"[..]));
    }

    #[test]
    fn bare_newlines_are_told() {
        assert!(data(b"a\nb\r\n.\r\n", BareLf::Reject).unwrap().2.rejected);
        assert!(data(b"a\nb\r\n.\r\n", BareLf::Note).unwrap().2.noted);
        assert!(!data(b"a\r\nb\r\n.\r\n", BareLf::Reject).unwrap().2.rejected);
    }

    #[test]
    fn start_of_content() {
        let out = |input: &[u8]| data(input, BareLf::Normalize).unwrap().0;
        assert_eq!(out(b">From x\r\n.\r\n"), b"X-Mailbox-Line: >From x\n");
        assert_eq!(out(b" x\r\n.\r\n"), b"\n x\n");
        assert_eq!(out(b".\r\n"), b"");
    }

    #[test]
    fn size_is_limited() {
        let mut decoder = Data::new(Limits { size: Some(6), ..limits(BareLf::Normalize) });
        let mut out = Vec::new();
        assert!(decoder.take(b"abcd\r\ne\r\n.\r\n", &mut out).finished);
        assert!(decoder.tally.too_big);
        assert_eq!(out, b"abcd\n");
    }

    #[test]
    fn chunks_join_lines() {
        let mut chunks = Chunks::new(limits(BareLf::Normalize));
        let mut out = Vec::new();
        for piece in [&b"a\r"[..], b"\n.\r\nb", b"c"] {
            chunks.take(piece, &mut out);
        }
        chunks.finish(&mut out);
        assert_eq!(out, b"a\n.\nbc\n");
    }

    fn content() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'x')];
        proptest::collection::vec(byte, 0..120).prop_map(|mut bytes| {
            bytes.extend_from_slice(b"\r\n.\r\n");
            bytes
        })
    }

    fn rule() -> impl Strategy<Value = BareLf> {
        prop_oneof![
            Just(BareLf::Allow),
            Just(BareLf::Normalize),
            Just(BareLf::Note),
            Just(BareLf::Reject)
        ]
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(bytes in content(), rule in rule(), steps in proptest::collection::vec(1usize..9, 1..200)) {
            let mut whole = Data::new(limits(rule));
            let mut whole_out = Vec::new();
            let whole_taken = whole.take(&bytes, &mut whole_out);

            let (mut parts, mut out) = (Data::new(limits(rule)), Vec::new());
            let (mut start, mut end, mut finished) = (0, 0, false);
            for step in steps.iter().cycle() {
                let taken = parts.take(&bytes[start..end], &mut out);
                start += taken.used;
                finished = taken.finished;
                if finished || end == bytes.len() { break; }
                end = (end + step).min(bytes.len());
            }
            prop_assert_eq!(finished, whole_taken.finished);
            prop_assert_eq!(start, whole_taken.used);
            prop_assert_eq!(out, whole_out);
            prop_assert_eq!(parts.tally, whole.tally);
        }

        #[test]
        fn chunk_cuts_do_not_matter(bytes in content(), rule in rule(), step in 1usize..30) {
            let mut whole = Chunks::new(limits(rule));
            let mut whole_out = Vec::new();
            whole.take(&bytes, &mut whole_out);
            whole.finish(&mut whole_out);
            let (mut parts, mut out) = (Chunks::new(limits(rule)), Vec::new());
            for piece in bytes.chunks(step) { parts.take(piece, &mut out); }
            parts.finish(&mut out);
            prop_assert_eq!(out, whole_out);
            prop_assert_eq!(parts.tally, whole.tally);
        }
    }
}
