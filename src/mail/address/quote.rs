//! Between internal and external form: quoting of local parts (RFC 5321 section 4.1.2, RFC 5322
//! section 3.4.1). The two differ only in what a quoted-string must escape; 8-bit text is never
//! touched.

use std::borrow::Cow;

/// Whose rules quote a local part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// SMTP commands and the log.
    Rfc5321,
    /// Message headers; a source route before the local part stays as it is.
    Rfc5322,
}

/// Quotes the local part where RFC 5321 needs it: internal to external form. The empty address,
/// which is nobody's, stays empty.
pub fn quote(address: &str) -> Cow<'_, str> {
    quote_str(address, Quoting::Rfc5321)
}

/// Quotes the local part where RFC 5322 needs it: internal to external form as in headers. The
/// empty address stays empty.
pub fn quote_822(address: &str) -> Cow<'_, str> {
    quote_str(address, Quoting::Rfc5322)
}

fn quote_str(address: &str, rules: Quoting) -> Cow<'_, str> {
    if address.is_empty() {
        return Cow::Borrowed(address);
    }
    match quote_bytes(address.as_bytes(), rules) {
        Cow::Borrowed(_) => Cow::Borrowed(address),
        Cow::Owned(bytes) => Cow::Owned(text(bytes)),
    }
}

/// [`quote_822`] for headers, which need not be UTF-8. An address without text becomes `""`: it stands
/// where somebody wrote something.
pub fn quote_822_bytes(address: &[u8]) -> Cow<'_, [u8]> {
    quote_bytes(address, Quoting::Rfc5322)
}

/// Quotes a local part that comes without a domain, for partial keys in tables.
pub fn quote_822_local_part(local: &str) -> Cow<'_, str> {
    if is_dot_string(local.as_bytes()) {
        return Cow::Borrowed(local);
    }
    let mut out = Vec::with_capacity(local.len() + 2);
    push_quoted(&mut out, local.as_bytes(), Quoting::Rfc5322);
    Cow::Owned(text(out))
}

fn quote_bytes(address: &[u8], rules: Quoting) -> Cow<'_, [u8]> {
    let route = match rules {
        Quoting::Rfc5322 if address.first() == Some(&b'@') => {
            memchr::memchr(b':', address).map_or(0, |colon| colon + 1)
        }
        _ => 0,
    };
    let (route, rest) = address.split_at_checked(route).unwrap_or((&[], address));
    let at = memchr::memrchr(b'@', rest).unwrap_or(rest.len());
    let (local, domain) = rest.split_at_checked(at).unwrap_or((rest, &[]));
    if is_dot_string(local) {
        return Cow::Borrowed(address);
    }
    let mut out = Vec::with_capacity(address.len() + 2);
    out.extend_from_slice(route);
    push_quoted(&mut out, local, rules);
    out.extend_from_slice(domain);
    Cow::Owned(out)
}

fn is_dot_string(local: &[u8]) -> bool {
    let mut previous = b'.';
    for &byte in local {
        let bad = matches!(
            byte,
            0..=b' '
                | 0x7f
                | b'('
                | b')'
                | b'<'
                | b'>'
                | b'@'
                | b','
                | b';'
                | b':'
                | b'\\'
                | b'"'
                | b'['
                | b']'
        );
        if bad || (byte == b'.' && previous == b'.') {
            return false;
        }
        previous = byte;
    }
    previous != b'.'
}

fn push_quoted(out: &mut Vec<u8>, local: &[u8], rules: Quoting) {
    out.push(b'"');
    for &byte in local {
        let escape =
            matches!(byte, b'"' | b'\\' | b'\r') || (byte == b'\n' && rules == Quoting::Rfc5321);
        if escape {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Takes quotes and backslashes away: external to internal form. Text after the last `@` outside
/// quotes stays as it is. Comments are not known here; see [`super::List`].
pub fn unquote(address: &str) -> String {
    text(unquote_bytes(address.as_bytes()))
}

/// [`unquote`] for headers, which need not be UTF-8.
pub fn unquote_bytes(address: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(address.len());
    let mut bytes = address.iter().copied().enumerate();
    if address.first() == Some(&b'@')
        && let Some(colon) = memchr::memchr(b':', address)
    {
        out.extend(bytes.by_ref().take(colon + 1).map(|(_, byte)| byte));
    }
    let mut quoted = false;
    let mut last_at = None;
    while let Some((place, byte)) = bytes.next() {
        let byte = match byte {
            b'"' => {
                quoted = !quoted;
                continue;
            }
            b'\\' => match bytes.next() {
                Some((_, escaped)) => escaped,
                None => break,
            },
            _ => byte,
        };
        if byte == b'@' && !quoted && address.get(place) == Some(&b'@') {
            last_at = Some((out.len(), place));
        }
        out.push(byte);
    }
    if let Some((length, place)) = last_at {
        out.truncate(length);
        out.extend_from_slice(address.get(place..).unwrap_or_default());
    }
    out
}

/// Bytes that were cut out of UTF-8 at ASCII characters are UTF-8.
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotes() {
        for (internal, external) in [
            ("bob@x", "bob@x"),
            ("a b@x", "\"a b\"@x"),
            ("a@b@x", "\"a@b\"@x"),
            ("a\"b@x", "\"a\\\"b\"@x"),
            (".a@x", "\".a\"@x"),
            ("a..b@x", "\"a..b\"@x"),
            ("a.@x", "\"a.\"@x"),
            ("", ""),
            ("@x", "\"\"@x"),
            ("b\u{fc}b@x", "b\u{fc}b@x"),
            ("a b", "\"a b\""),
        ] {
            assert_eq!(quote(internal), external);
            assert_eq!(quote_822(internal), external);
            assert_eq!(unquote(external), internal);
        }
        assert_eq!(quote_822("@a,@b:c d@e"), "@a,@b:\"c d\"@e");
        assert_eq!(quote("a\nb@x"), "\"a\\\nb\"@x");
        assert_eq!(quote_822_local_part("a@b"), "\"a@b\"");
    }

    #[test]
    fn unquotes() {
        assert_eq!(unquote("\"a\"@\"b\""), "a@\"b\"");
        assert_eq!(unquote("a\\@b@c"), "a@b@c");
        assert_eq!(unquote("@r:\"x y\"@z"), "@r:x y@z");
        assert_eq!(unquote("a\\"), "a");
    }

    proptest! {
        #[test]
        fn round_trip(local in "[a-z .@\"\\\\<>]{0,12}", domain in "[a-z.]{1,8}") {
            let internal = format!("{local}@{domain}");
            prop_assume!(!internal.starts_with('@'));
            prop_assert_eq!(&unquote(&quote(&internal)), &internal);
            prop_assert_eq!(unquote(&quote_822(&internal)), internal);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = (quote_822_bytes(&bytes), unquote_bytes(&bytes));
        }
    }
}
