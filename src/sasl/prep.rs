//! SASLprep (RFC 4013): what looks the same is the same password or name, however it was typed.

use std::borrow::Cow;

/// A password or name in the form that both sides agree on. What has no such form (it is no UTF-8,
/// or has characters that RFC 4013 forbids) stays as it is: then both sides must have typed the
/// same bytes, as ever.
pub fn prepared(text: &[u8]) -> Cow<'_, [u8]> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    match std::str::from_utf8(text).map(stringprep::saslprep) {
        Ok(Ok(Cow::Owned(text))) => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(text),
    }
}

/// The same for text.
pub fn prepared_text(text: &str) -> Cow<'_, str> {
    match prepared(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4013 section 3
    #[test]
    fn examples() {
        let is = |text: &str| prepared_text(text).into_owned();
        assert_eq!(is("I\u{ad}X"), "IX");
        assert_eq!(is("user"), "user");
        assert_eq!(is("USER"), "USER");
        assert_eq!(is("\u{aa}"), "a");
        assert_eq!(is("\u{2168}"), "IX");
        // Forbidden, so not touched.
        assert_eq!(is("\u{7}"), "\u{7}");
        assert_eq!(is("\u{627}1"), "\u{627}1");
        // Composed or not.
        assert_eq!(is("pa\u{308}ss"), "p\u{e4}ss");
        assert_eq!(prepared(b"\xff\xe4"), &b"\xff\xe4"[..]);
    }

    proptest::proptest! {
        #[test]
        fn twice_is_once(text in "\\PC{0,20}") {
            let once = prepared_text(&text).into_owned();
            let twice = prepared_text(&once).into_owned();
            proptest::prop_assert_eq!(once, twice);
        }
    }
}
