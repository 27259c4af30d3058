//! `key whitespace value`: the records of texthash, and of all tables that postmap(1) makes.

use super::lines::{is_space, trim};

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
