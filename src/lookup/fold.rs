//! Case folding of lookup keys.

use std::borrow::Cow;

/// `text` in lower case; with `utf8`, by Unicode's case folding where it is not ASCII.
pub fn fold(text: &[u8], utf8: bool) -> Cow<'_, [u8]> {
    if text.is_ascii() || !utf8 {
        return match text.iter().any(u8::is_ascii_uppercase) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Owned(fold_unicode(text).into_bytes()),
        Err(_) => Cow::Owned(text.to_ascii_lowercase()),
    }
}

/// [`fold`] for text.
pub fn fold_text(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(fold_unicode(text));
    }
    match text.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

#[cfg(feature = "eai")]
fn fold_unicode(text: &str) -> String {
    icu_casemap::CaseMapper::new().fold_string(text).into_owned()
}

#[cfg(not(feature = "eai"))]
fn fold_unicode(text: &str) -> String {
    text.to_ascii_lowercase()
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
