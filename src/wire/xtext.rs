//! xtext (RFC 3461 section 4) and its UTF-8 sister (RFC 6533 section 3), as in ENVID, ORCPT and
//! MAIL AUTH.

/// Decodes `+XX`; none if a `+` is not followed by two hexadecimal digits, or if the result
/// holds NUL or is not UTF-8.
pub fn decode(text: &str) -> Option<String> {
    if !text.contains('+') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'+' {
            bytes.push(hex(rest.next()?)? << 4 | hex(rest.next()?)?);
        } else {
            bytes.push(byte);
        }
    }
    if bytes.contains(&0) {
        return None;
    }
    String::from_utf8(bytes).ok()
}

/// Encodes what xtext does not allow, and the characters in `special`.
pub fn encode(text: &str, special: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte > b' ' && byte < 127 && byte != b'+';
        if plain && !special.as_bytes().contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "+{byte:02X}");
        }
    }
    out
}

/// Decodes utf-8-addr-xtext: `\x{20AC}` stands for a character (RFC 6533 section 3).
pub fn decode_utf8(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at_checked(at)?;
        out.push_str(plain);
        let (digits, after) = escape.strip_prefix("\\x{")?.split_once('}')?;
        let fits = (2..=6).contains(&digits.len());
        if !fits || !digits.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) {
            return None;
        }
        let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
        if character == '\0' {
            return None;
        }
        out.push(character);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decodes() {
        assert_eq!(decode("abc+2Bdef+3d").as_deref(), Some("abc+def="));
        assert_eq!(decode("+2"), None);
        assert_eq!(decode("++1"), None);
        assert_eq!(decode("a+00b"), None);
        assert_eq!(decode_utf8(r"caf\x{E9}@x").as_deref(), Some("café@x"));
        assert_eq!(decode_utf8(r"\x{0}"), None);
        assert_eq!(decode_utf8(r"\x"), None);
    }

    proptest! {
        #[test]
        fn round_trip(text in "[^\0]*") {
            prop_assert_eq!(decode(&encode(&text, "=")), Some(text));
        }
        #[test]
        fn never_panics(text in ".*") {
            let _ = decode(&text);
            let _ = decode_utf8(&text);
        }
    }
}
