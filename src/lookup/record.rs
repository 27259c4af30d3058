//! `key whitespace value`: the records of texthash, and of all tables that postmap(1) makes.

use super::lines::{Lines, Report, is_space, show, trim};
use super::table::is_utf8;

/// How a source file is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// Its name, for messages.
    pub path: &'a str,
    /// Whether lines must be UTF-8.
    pub utf8: bool,
    /// Whether values are names of files whose contents count.
    pub files: bool,
    /// postmap(1) ends one of its warnings otherwise than texthash.
    pub is_postmap: bool,
}

/// Takes one record: key, value, line number. An error ends the reading.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8], usize, &mut Report<'_>) -> Result<(), String> + 'a;

/// Gives the records of `text` to `visit`, and says what is wrong with the other lines.
pub fn read(
    text: &[u8],
    reading: Reading<'_>,
    visit: &mut Visit<'_>,
    report: &mut Report<'_>,
) -> Result<(), String> {
    let path = reading.path;
    let mut lines = Lines::new(path, text);
    while let Some(line) = lines.next(report) {
        let blame = format!("{path}, line {}", line.number);
        if reading.utf8 && !is_utf8(&line.text) {
            report(not_utf8(&blame, &line.text));
            continue;
        }
        let (key, value) = match split(&line.text) {
            Ok(record) => record,
            Err(Malformed::Quote) => {
                let text = show(&line.text);
                report(format!("{blame}: unbalanced '\"' in '{text}' -- ignoring this line"));
                continue;
            }
            Err(Malformed::Format) => {
                let end = if reading.is_postmap { "" } else { " -- ignoring this line" };
                report(format!("{blame}: expected format: key whitespace value{end}"));
                continue;
            }
        };
        if key.ends_with(b":") {
            report(format!("{blame}: record is in \"key: value\" format; is this an alias file?"));
        }
        if !reading.files {
            visit(key, value, line.number, report)?;
            continue;
        }
        match super::file_value::encode(value) {
            Ok(content) => visit(key, &content, line.number, report)?,
            Err(why) => report(format!("{blame}: {why}: skipping this entry")),
        }
    }
    Ok(())
}

/// [`read`] for a table that postmap(1) makes.
pub fn read_for_postmap(
    path: &str,
    text: &[u8],
    utf8: bool,
    files: bool,
    visit: &mut Visit<'_>,
    report: &mut Report<'_>,
) -> Result<(), String> {
    read(text, Reading { path, utf8, files, is_postmap: true }, visit, report)
}

/// The warning about a line that is not UTF-8 but should be.
pub fn not_utf8(blame: &str, line: &[u8]) -> String {
    format!("{blame}: non-UTF-8 input \"{}\" -- ignoring this line", show(line))
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A `"` without its partner.
    Quote,
    /// No key, or no value.
    Format,
}

/// Splits a logical line at the first white space that is neither quoted nor escaped. The key
/// keeps its quotes: that is how addresses are looked up.
pub fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let mut quoted = false;
    let mut end = line.len();
    let mut bytes = line.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match *byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            byte if is_space(byte) && !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(Malformed::Quote);
    }
    let (key, value) = line.split_at_checked(end).ok_or(Malformed::Format)?;
    let value = trim(value);
    if key.is_empty() || value.is_empty() { Err(Malformed::Format) } else { Ok((key, value)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes_and_spaces() {
        assert_eq!(split(b"a  b c "), Ok((&b"a"[..], &b"b c"[..])));
        assert_eq!(split(b"\"a b\"@c d"), Ok((&b"\"a b\"@c"[..], &b"d"[..])));
        assert_eq!(split(b"a\\ b c"), Ok((&b"a\\ b"[..], &b"c"[..])));
        assert_eq!(split(b"\"a b c"), Err(Malformed::Quote));
        assert_eq!(split(b"a"), Err(Malformed::Format));
        assert_eq!(split(b"a\\"), Err(Malformed::Format));
    }

    proptest! {
        #[test]
        fn any_bytes(line: Vec<u8>) {
            if let Ok((key, value)) = split(&line) {
                prop_assert!(line.starts_with(key));
                prop_assert!(!value.is_empty());
            }
        }

        #[test]
        fn round_trip(key in "[a-z@.+-]{1,20}", value in "[a-z]( ?[a-z@.,]){0,20}") {
            let line = format!("{key}\t{value} ");
            prop_assert_eq!(split(line.as_bytes()), Ok((key.as_bytes(), value.as_bytes())));
        }
    }
}
