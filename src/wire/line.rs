//! Finds the lines of a dialogue in a read buffer: where one ends, how it ended, and what
//! happens to one that is too long.
//!
//! The reader takes nothing out of the buffer until a line is complete, so it gives the same
//! answer however the bytes were cut up on their way.

use memchr::memchr;

/// What stands at the front of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// No whole line yet.
    Incomplete,
    /// One line.
    Whole {
        /// Without its line end.
        text: &'a [u8],
        /// It ended in LF without CR before it. Always false when nobody asks.
        bare_lf: bool,
        /// How many bytes of the buffer it took.
        used: usize,
    },
    /// The limit was reached before a line end; the rest of the line is to be skipped.
    TooLong {
        /// As much of it as the limit allows; that is how many bytes it took, too.
        text: &'a [u8],
    },
}

/// Looks for a line of at most `limit` bytes, line end included (`line_length_limit`).
///
/// With `strict`, exactly one CR before LF belongs to the line end and LF without CR is
/// reported; otherwise all CRs before LF belong to it and nothing is reported.
pub fn take(buffer: &[u8], limit: usize, strict: bool) -> Line<'_> {
    let window = buffer.get(..limit).unwrap_or(buffer);
    match memchr(b'\n', window) {
        Some(end) => whole(window.get(..end).unwrap_or_default(), strict, end + 1),
        None if window.len() < limit => Line::Incomplete,
        // The limit fell between CR and LF: that is still one line end.
        None if window.last() == Some(&b'\r') => match buffer.get(limit) {
            None => Line::Incomplete,
            Some(b'\n') => whole(window, strict, limit + 1),
            Some(_) => Line::TooLong { text: window },
        },
        None => Line::TooLong { text: window },
    }
}

fn whole(text: &[u8], strict: bool, used: usize) -> Line<'_> {
    if strict {
        return match text.strip_suffix(b"\r") {
            Some(text) => Line::Whole { text, bare_lf: false, used },
            None => Line::Whole { text, bare_lf: true, used },
        };
    }
    let mut text = text;
    while let Some(shorter) = text.strip_suffix(b"\r") {
        text = shorter;
    }
    Line::Whole { text, bare_lf: false, used }
}

/// The rest of a line that was too long: how much of the buffer to throw away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skip {
    /// All of it, and the line goes on; so many bytes may still come.
    More(usize),
    /// So many bytes; the line has ended there.
    Done(usize),
    /// The sender has used up its second chance: listen to it no longer.
    Exhausted,
}

/// Skips to the next LF in `buffer`, over at most `left` bytes.
pub fn skip(buffer: &[u8], left: usize) -> Skip {
    match memchr(b'\n', buffer.get(..left).unwrap_or(buffer)) {
        Some(end) => Skip::Done(end + 1),
        None if buffer.len() >= left => Skip::Exhausted,
        None => Skip::More(left - buffer.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn line_ends() {
        let line = |bytes, strict| match take(bytes, 12, strict) {
            Line::Whole { text, bare_lf, used } => (text, bare_lf, used),
            other => panic!("{other:?}"),
        };
        assert_eq!(line(b"NOOP\r\nQUIT\r\n", true), (&b"NOOP"[..], false, 6));
        assert_eq!(line(b"NOOP\n", true), (&b"NOOP"[..], true, 5));
        assert_eq!(line(b"NOOP\n", false), (&b"NOOP"[..], false, 5));
        assert_eq!(line(b"NOOP\r\r\n", true), (&b"NOOP\r"[..], false, 7));
        assert_eq!(line(b"NOOP\r\r\n", false), (&b"NOOP"[..], false, 7));
        assert_eq!(line(b"01234567890\r\n", true), (&b"01234567890"[..], false, 13));
        assert_eq!(take(b"01234567890\r", 12, true), Line::Incomplete);
        assert_eq!(take(b"01234567890\rx", 12, true), Line::TooLong { text: b"01234567890\r" });
        assert_eq!(take(b"012345678901", 12, true), Line::TooLong { text: b"012345678901" });
        assert_eq!(take(b"0123", 12, true), Line::Incomplete);
    }

    #[test]
    fn skipping() {
        assert_eq!(skip(b"abc\nQUIT", 10), Skip::Done(4));
        assert_eq!(skip(b"abc", 10), Skip::More(7));
        assert_eq!(skip(b"abcdefghijkl\n", 10), Skip::Exhausted);
    }

    proptest! {
        #[test]
        fn more_bytes_never_change_a_line(bytes in proptest::collection::vec(
            prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'x')], 0..40), cut in 0usize..40, strict: bool) {
            let part = bytes.get(..cut).unwrap_or(&bytes);
            let early = take(part, 12, strict);
            if early != Line::Incomplete {
                prop_assert_eq!(early, take(&bytes, 12, strict));
            }
        }
    }
}
