//! Texts in braces, as table names and lists in main.cf use them: `{ … }` inside `{ … }`.

use super::lines::{is_space, trim};

/// The length of the balanced `{ … }` that `text` begins with; none if it does not.
pub fn balanced(text: &str) -> Option<usize> {
    let mut level = 0_usize;
    if !text.starts_with('{') {
        return None;
    }
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => level += 1,
            b'}' => level -= 1,
            _ => {}
        }
        if level == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// What stands between the braces around the whole of `text`; none if they are not there.
pub fn inside(text: &str) -> Option<&str> {
    (balanced(text)? == text.len()).then(|| text.get(1..text.len() - 1)).flatten()
}

/// Splits `key = value`; the key may be quoted.
pub fn key_value(text: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let text = super::lines::trim_start(text);
    if text.is_empty() {
        return Err("no key found; expected format: key = value");
    }
    let mut quoted = false;
    let mut end = text.len();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match *byte {
            b'\\' => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            byte if !quoted && (is_space(byte) || byte == b'=') => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    if quoted {
        return Err("unbalanced '\"'");
    }
    let (key, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    match super::lines::trim_start(rest).strip_prefix(b"=") {
        Some(value) => Ok((key, trim(value))),
        None => Err("missing '=' after attribute name"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn braces() {
        assert_eq!(inside("{a {b}}"), Some("a {b}"));
        assert_eq!(inside("{a}b"), None);
        assert_eq!(key_value(b" a b = c"), Err("missing '=' after attribute name"));
        assert_eq!(key_value(b" \"a b\" = c "), Ok((&b"\"a b\""[..], &b"c"[..])));
        assert_eq!(key_value(b"a="), Ok((&b"a"[..], &b""[..])));
    }

    proptest! {
        #[test]
        fn any_text(text: String) {
            let _ = (inside(&text), key_value(text.as_bytes()));
        }
    }
}
