//! The smuggling matrix: every end of data that somebody else's server might take for one, in
//! DATA and in BDAT, under each `smtpd_forbid_bare_newline`, cut at each byte. What comes out is
//! held against the rule as RFC 5321 and postconf(5) say it, not against the decoder's own words.

use super::smtp_data::{BareLf, Chunks, Data, Limits, Tally};

/// Sixteen sequences that have ended, or might have ended, data somewhere.
pub const ENDS: [&[u8]; 16] = [
    b"\n.\n",
    b"\n.\r",
    b"\r.\n",
    b"\r.\r",
    b"\n.\r\n",
    b"\r.\r\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\r\n.\r\n",
    b"\n.\r\r\n",
    b"\n\n.\r\n",
    b"\r\n.\r\n",
];

/// What a smuggler puts behind it.
pub const SMUGGLED: &[u8] = b"MAIL FROM:<s@z.example>\r\nRCPT TO:<r@home.example>\r\nDATA\r\n\
                              Subject: smuggled\r\n\r\nx\r\n.\r\n";

const RULES: [BareLf; 4] = [BareLf::Allow, BareLf::Normalize, BareLf::Note, BareLf::Reject];

fn limits(bare_lf: BareLf) -> Limits {
    Limits { line: 2048, size: None, bare_lf }
}

/// A message with `end` in its middle; behind the smuggled one, which has a true end, stands a command.
pub fn content(end: &[u8]) -> Vec<u8> {
    [b"Subject: a\r\n\r\nbefore".as_slice(), end, SMUGGLED, b"VRFY after\r\n"].concat()
}

/// Where data ends: behind the first CRLF.CRLF, the line end of the 354 reply counting as the
/// first; with `no`, behind the first line that is a dot, whatever its line ends.
pub fn end_of_data(bytes: &[u8], rule: BareLf) -> usize {
    let stream = [b"\r\n".as_slice(), bytes].concat();
    if rule.is_strict() {
        let dot = b"\r\n.\r\n";
        return stream.windows(dot.len()).position(|part| part == dot).unwrap() + dot.len() - 2;
    }
    let starts = (0..stream.len()).filter(|at| stream[*at] == b'\n');
    for start in starts {
        let Some(rest) = stream[start + 1..].strip_prefix(b".") else { continue };
        let returns = rest.iter().take_while(|byte| **byte == b'\r').count();
        if rest.get(returns) == Some(&b'\n') {
            return start + 2 + returns + 1 - 2;
        }
    }
    panic!("no end");
}

/// The lines before it as they are stored: half an end of data is left out.
fn stored(bytes: &[u8], rule: BareLf, dots: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bare_before = false;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let mut text = line.strip_suffix(b"\n").unwrap_or(line);
        let whole = text.strip_suffix(b"\r");
        let bare = line.ends_with(b"\n") && whole.is_none();
        text = whole.unwrap_or(text);
        while let (false, Some(shorter)) = (rule.is_strict(), text.strip_suffix(b"\r")) {
            text = shorter;
        }
        if !(dots && rule.is_strict() && text == b"." && (bare || bare_before)) {
            out.extend_from_slice(text.strip_prefix(b".").filter(|_| dots).unwrap_or(text));
            out.push(b'\n');
        }
        bare_before = bare;
    }
    out
}

/// Has a decoder take `bytes` in two pieces; what was stored, and how much was used.
fn take(bytes: &[u8], rule: BareLf, cut: usize) -> (Vec<u8>, usize, Tally) {
    let (mut data, mut out) = (Data::new(limits(rule)), Vec::new());
    let first = data.take(&bytes[..cut], &mut out);
    if first.finished {
        return (out, first.used, data.tally);
    }
    let second = data.take(&bytes[first.used..], &mut out);
    assert!(second.finished);
    (out, first.used + second.used, data.tally)
}

#[test]
fn one_354_is_one_message() {
    let mut cases = 0;
    for end in ENDS {
        let bytes = content(end);
        for rule in RULES {
            let at = end_of_data(&bytes, rule);
            let end_line = bytes[..at].split_inclusive(|b| *b == b'\n').next_back().unwrap().len();
            let wanted = stored(&bytes[..at - end_line], rule, true);
            let bare = bytes[..at].iter().enumerate().any(|(i, b)| {
                *b == b'\n' && i.checked_sub(1).and_then(|i| bytes.get(i)) != Some(&b'\r')
            });
            for cut in 0..=bytes.len() {
                let (out, used, tally) = take(&bytes, rule, cut);
                let case = || format!("{}, {rule:?}, cut at {cut}", end.escape_ascii());
                assert_eq!(used, at, "{}", case());
                assert_eq!(tally.rejected, bare && rule == BareLf::Reject, "{}", case());
                assert_eq!(tally.noted, bare && rule == BareLf::Note, "{}", case());
                if tally.rejected {
                    assert!(wanted.starts_with(&out), "{}", case());
                } else {
                    assert_eq!(out.escape_ascii().to_string(), wanted.escape_ascii().to_string());
                }
                cases += 1;
            }
        }
    }
    assert!(cases > 6000, "{cases} cases");
}

#[test]
fn bdat_ends_where_it_was_said_to_end() {
    let mut cases = 0;
    for end in ENDS {
        let bytes = content(end);
        for rule in RULES {
            // What is in a chunk is content, dots and all.
            let wanted = stored(&bytes, rule, false);
            let bare = bytes
                .iter()
                .zip(std::iter::once(&b'\n').chain(&bytes))
                .any(|(byte, before)| *byte == b'\n' && *before != b'\r');
            for cut in 0..=bytes.len() {
                for empty_last in [false, true] {
                    let (mut chunks, mut out) = (Chunks::new(limits(rule)), Vec::new());
                    chunks.take(&bytes[..cut], &mut out);
                    chunks.take(&bytes[cut..], &mut out);
                    if empty_last {
                        chunks.take(b"", &mut out);
                    }
                    chunks.finish(&mut out);
                    assert_eq!(chunks.tally.rejected, bare && rule == BareLf::Reject);
                    assert_eq!(chunks.tally.noted, bare && rule == BareLf::Note);
                    if !chunks.tally.rejected {
                        let told = out.escape_ascii().to_string();
                        assert_eq!(told, wanted.escape_ascii().to_string(), "{end:?} {cut}");
                    }
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 12_000, "{cases} cases");
}
