//! Postfix's attribute protocol, in its NUL form: `name NUL value NUL …`, and an empty name where
//! a list ends.
//!
//! The sockets that other programs know (`public/showq`: exporters, web front ends) speak it.

/// Longest name or value that is taken from a peer, in bytes.
pub const MAX: usize = 100_000;

/// Appends one attribute.
pub fn put(out: &mut Vec<u8>, name: &str, value: &str) {
    for text in [name, value] {
        out.extend(text.bytes().map(|b| if b == 0 { b'?' } else { b }));
        out.push(0);
    }
}

/// Ends a list of attributes.
pub fn end(out: &mut Vec<u8>) {
    out.push(0);
}

/// What stands next in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// An attribute.
    Attribute(String, String),
    /// The end of the list.
    End,
}

/// A peer that does not speak the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute too long")]
pub struct TooLong;

/// Takes one item off the front of `bytes`, with the number of bytes it took; `None` when more
/// are needed. Bytes that are no UTF-8 are replaced.
pub fn take(bytes: &[u8]) -> Result<Option<(Item, usize)>, TooLong> {
    let Some(name) = text(bytes)? else { return Ok(None) };
    if name.is_empty() {
        return Ok(Some((Item::End, 1)));
    }
    let after = name.len() + 1;
    let Some(value) = text(bytes.get(after..).unwrap_or_default())? else { return Ok(None) };
    let used = after + value.len() + 1;
    let owned = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
    Ok(Some((Item::Attribute(owned(name), owned(value)), used)))
}

/// The bytes before the next NUL.
fn text(bytes: &[u8]) -> Result<Option<&[u8]>, TooLong> {
    match memchr::memchr(0, bytes) {
        Some(end) if end <= MAX => Ok(bytes.get(..end)),
        None if bytes.len() <= MAX => Ok(None),
        _ => Err(TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_those_of_postfix() {
        let mut out = Vec::new();
        put(&mut out, "queue_name", "deferred");
        end(&mut out);
        assert_eq!(out, b"queue_name\0deferred\0\0");
    }

    proptest! {
        #[test]
        fn what_was_put_is_taken(pairs in proptest::collection::vec(("[a-z]{1,9}", "[^\0]{0,20}"), 0..9)) {
            let mut out = Vec::new();
            for (name, value) in &pairs {
                put(&mut out, name, value);
            }
            end(&mut out);
            let mut at = 0;
            for (name, value) in pairs {
                let (item, used) = take(out.get(at..).unwrap_or_default()).unwrap().unwrap();
                prop_assert_eq!(item, Item::Attribute(name, value));
                at += used;
            }
            prop_assert_eq!(take(out.get(at..).unwrap_or_default()), Ok(Some((Item::End, 1))));
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = take(&bytes);
        }
    }
}
