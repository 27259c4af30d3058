//! Case folding of lookup keys.

use std::borrow::Cow;

use crate::mail::address;

/// `text` in lower case; with `utf8`, by Unicode's case folding where it is not ASCII.
pub fn fold(text: &[u8], utf8: bool) -> Cow<'_, [u8]> {
    if text.is_ascii() || !utf8 {
        return match text.iter().any(u8::is_ascii_uppercase) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Owned(address::fold(text).into_owned().into_bytes()),
        Err(_) => Cow::Owned(text.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_and_unicode() {
        assert_eq!(&*fold(b"ABC+x@Y", true), b"abc+x@y");
        assert!(matches!(fold(b"abc", true), Cow::Borrowed(_)));
        assert_eq!(&*fold(b"\xc4A", false), b"\xc4a");
        assert_eq!(&*fold(b"\xffA", true), b"\xffa");
        #[cfg(feature = "eai")]
        assert_eq!(&*fold("ÄSTRAßE".as_bytes(), true), "ästrasse".as_bytes());
    }
}
