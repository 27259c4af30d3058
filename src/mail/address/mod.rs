//! Mail addresses: internal and external form, and the lists in message headers.
//!
//! *External* form is what RFC 5322 writes, with quotes and backslashes; *internal* form is the
//! bare text, as envelopes, tables and the log (after quoting again) use it.
//!
//! The grammar is as tolerant as Postfix's, because what it lets through decides where mail goes:
//! besides RFC 822 it knows the operators `%`, `!` and `|`, and leaves 8-bit text alone.

mod list;
mod quote;
mod token;

pub use list::{Item, List};
pub use quote::{
    Quoting, quote, quote_822, quote_822_bytes, quote_822_local_part, unquote, unquote_bytes,
};
pub use token::{Address, Token, scan, scan_limited};

use super::hostname;

/// Local part and domain, split at the last `@`; without one there is no domain.
pub fn split(address: &str) -> (&str, Option<&str>) {
    match address.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (address, None),
    }
}

/// How addresses are cut at `recipient_delimiter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extensions {
    /// `recipient_delimiter`; empty: nothing is ever cut.
    pub delimiters: String,
    /// `owner_request_special`: with `-` among the delimiters, `owner-list` and `list-request`
    /// stay whole.
    pub owner_request_special: bool,
    /// `double_bounce_sender`, never cut.
    pub double_bounce_sender: String,
}

impl Extensions {
    /// Splits `user+extension` at the first delimiter; see [`split_extension`].
    pub fn split<'a>(&self, local: &'a str) -> (&'a str, Option<&'a str>) {
        let delimiters = self.delimiters.as_str();
        if local.eq_ignore_ascii_case("postmaster")
            || local.eq_ignore_ascii_case("mailer-daemon")
            || local.eq_ignore_ascii_case(&self.double_bounce_sender)
        {
            return (local, None);
        }
        if self.owner_request_special && delimiters.contains('-') {
            let owner = local.get(..6).is_some_and(|p| p.eq_ignore_ascii_case("owner-"));
            let request = local.len() > 8
                && local.get(local.len() - 8..).is_some_and(|s| s.eq_ignore_ascii_case("-request"));
            if owner || request {
                return (local, None);
            }
        }
        cut(local, delimiters)
    }
}

impl Default for Extensions {
    fn default() -> Self {
        Self {
            delimiters: String::new(),
            owner_request_special: true,
            double_bounce_sender: "double-bounce".into(),
        }
    }
}

fn cut<'a>(local: &'a str, delimiters: &str) -> (&'a str, Option<&'a str>) {
    match local.split_once(|c: char| delimiters.contains(c)) {
        Some((user, extension)) if !user.is_empty() => (user, Some(extension)),
        _ => (local, None),
    }
}

/// Splits `user+extension` at the first of the characters in `delimiters`
/// (`recipient_delimiter`); special names such as `owner-…` and `mailer-daemon` are not split.
/// The extension comes without its delimiter. [`Extensions`] knows the parameters that move the
/// exceptions; this is the shape of their defaults.
pub fn split_extension<'a>(local: &'a str, delimiters: &str) -> (&'a str, Option<&'a str>) {
    if delimiters.is_empty() || !local.contains(|c: char| delimiters.contains(c)) {
        return (local, None);
    }
    Extensions { delimiters: delimiters.to_owned(), ..Extensions::default() }.split(local)
}

/// The place of the `@` in `dot-atom@dot-atom`, the form in which almost all addresses come: then
/// internal and external form are the same, and neither part holds a routing character
/// (`@ % !`) or `|`. 8-bit text does not count as plain.
pub fn plain_at(address: &[u8]) -> Option<usize> {
    let mut at = None;
    let mut atom = 0usize;
    for (place, &byte) in address.iter().enumerate() {
        match byte {
            b'.' if atom > 0 => atom = 0,
            b'@' if atom > 0 && at.is_none() => {
                at = Some(place);
                atom = 0;
            }
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => atom += 1,
            b'-' | b'_' | b'+' | b'=' | b'#' | b'$' | b'&' | b'\'' | b'*' | b'/' | b'?' | b'^'
            | b'`' | b'{' | b'}' | b'~' => atom += 1,
            _ => return None,
        }
    }
    if atom > 0 { at } else { None }
}

/// Lower case as tables and domain comparisons want it: full case folding with the feature `eai`,
/// else ASCII only.
pub fn fold(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return text.to_ascii_lowercase().into();
        }
        return text.into();
    }
    fold_unicode(text)
}

#[cfg(feature = "eai")]
fn fold_unicode(text: &str) -> std::borrow::Cow<'_, str> {
    icu_casemap::CaseMapper::new().fold_string(text)
}

#[cfg(not(feature = "eai"))]
fn fold_unicode(text: &str) -> std::borrow::Cow<'_, str> {
    text.to_ascii_lowercase().into()
}

/// Whether two domains (or addresses) are the same but for case.
pub fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && fold(a) == fold(b))
}

/// A domain as DNS wants it: itself if it is ASCII, its A-label form (RFC 5891) otherwise.
/// `None` for a malformed name, and for any non-ASCII name without the feature `eai`.
pub fn domain_to_ascii(domain: &str) -> Option<std::borrow::Cow<'_, str>> {
    if domain.is_ascii() {
        return Some(domain.into());
    }
    #[cfg(feature = "eai")]
    {
        idna::domain_to_ascii(domain).ok().map(Into::into)
    }
    #[cfg(not(feature = "eai"))]
    {
        None
    }
}

/// As [`hostname::is_valid`], with non-ASCII names allowed if `utf8` and if they have an A-label form.
pub fn valid_utf8_hostname(name: &str, utf8: bool) -> bool {
    if utf8 && !name.is_ascii() {
        return domain_to_ascii(name).is_some_and(|ascii| hostname::is_valid(&ascii));
    }
    hostname::is_valid(name)
}

/// The address inside a domain literal without its brackets: `192.0.2.1` or `IPv6:2001:db8::1`
/// (RFC 5321 section 4.1.3).
pub fn literal_address(inside: &str) -> Option<std::net::IpAddr> {
    let v6 = inside.get(..5).is_some_and(|p| p.eq_ignore_ascii_case("IPv6:"));
    if v6 {
        let text = inside.get(5..)?;
        return text.parse::<std::net::Ipv6Addr>().ok().map(Into::into);
    }
    inside.parse::<std::net::Ipv4Addr>().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extensions() {
        assert_eq!(split_extension("user+foo+bar", "+"), ("user", Some("foo+bar")));
        assert_eq!(split_extension("user-foo", "+-"), ("user", Some("foo")));
        assert_eq!(split_extension("+foo", "+"), ("+foo", None));
        assert_eq!(split_extension("user+", "+"), ("user", Some("")));
        assert_eq!(split_extension("user+foo", ""), ("user+foo", None));
        for whole in ["Owner-list", "list-Request", "MAILER-DAEMON", "double-bounce"] {
            assert_eq!(split_extension(whole, "-"), (whole, None));
        }
        assert_eq!(split_extension("-request", "-"), ("-request", None));
        assert_eq!(split_extension("owner+x", "+"), ("owner", Some("x")));
    }

    #[test]
    fn plain_addresses() {
        assert_eq!(plain_at(b"a.b+c@x.example"), Some(5));
        assert_eq!(plain_at(b"a@b"), Some(1));
        for odd in ["", "@", "a@", "@b", "a", "a..b@c", ".a@c", "a@c.", "a%b@c", "a@b@c", "a!b@c"] {
            assert_eq!(plain_at(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn hostnames() {
        for good in ["a", "x.example", "_dmarc.x", "1a.2"] {
            assert!(hostname::is_valid(good), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "-a", "a-.b", "1.2.3.4", "a b", "a@b"] {
            assert!(!hostname::is_valid(bad), "{bad}");
        }
        assert!(!valid_utf8_hostname("b\u{fc}cher.example", false));
    }

    #[test]
    fn literals() {
        assert!(literal_address("192.0.2.1").is_some());
        assert!(literal_address("ipv6:::1").is_some());
        assert!(literal_address("::1").is_none());
        assert!(literal_address("192.0.2").is_none());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*", delimiters in "[-+=a]{0,3}") {
            let (user, extension) = split_extension(&text, &delimiters);
            let back = extension.map_or(user.len(), |e| user.len() + 1 + e.len());
            prop_assert!(back == text.len());
            let _ = (fold(&text), domain_to_ascii(&text), hostname::is_valid(&text), plain_at(text.as_bytes()));
        }
    }
}
