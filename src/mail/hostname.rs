//! Which texts are host names and which are network addresses, by Postfix's rules: stricter than
//! DNS, which allows any byte, and laxer than RFC 1123 about underscores.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest label (RFC 1035 section 2.3.4).
const LABEL_MAX: usize = 63;
/// Longest name.
const NAME_MAX: usize = 255;

/// Why a text is no host name, in the words of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum BadHostname {
    #[error("empty hostname")]
    Empty,
    #[error("hostname label too long")]
    LabelTooLong,
    #[error("misplaced delimiter")]
    Delimiter,
    #[error("misplaced hyphen")]
    Hyphen,
    #[error("invalid character {0}(decimal)")]
    Character(u8),
    #[error("numeric hostname")]
    Numeric,
    #[error("bad length {0}")]
    Length(usize),
}

/// Checks a host name: letters, digits, `_`, inner hyphens, single dots, not only digits.
pub fn check(name: &str) -> Result<(), BadHostname> {
    let only_digits = check_labels(name)?;
    if only_digits {
        return Err(BadHostname::Numeric);
    }
    if name.len() > NAME_MAX {
        return Err(BadHostname::Length(name.len()));
    }
    Ok(())
}

/// The same for a name in DNS, whose first label may be `*`.
pub fn check_in_dns(name: &str) -> Result<(), BadHostname> {
    match name.strip_prefix("*.") {
        Some(rest) => check_labels(rest).map(|_| ()),
        None => check(name),
    }
}

/// Checks each label; says whether all consist of digits.
fn check_labels(name: &str) -> Result<bool, BadHostname> {
    if name.is_empty() {
        return Err(BadHostname::Empty);
    }
    let mut only_digits = true;
    for label in name.split('.') {
        if label.is_empty() {
            return Err(BadHostname::Delimiter);
        }
        if let Some(&bad) =
            label.as_bytes().iter().find(|b| !b.is_ascii_alphanumeric() && !b"-_".contains(b))
        {
            return Err(BadHostname::Character(bad));
        }
        if label.len() > LABEL_MAX {
            return Err(BadHostname::LabelTooLong);
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(BadHostname::Hyphen);
        }
        only_digits &= label.bytes().all(|b| b.is_ascii_digit());
    }
    Ok(only_digits)
}

/// Whether `name` is a host name.
pub fn is_valid(name: &str) -> bool {
    check(name).is_ok()
}

/// A network address without brackets; `IPv6:` may stand before one that has colons.
pub fn address(text: &str) -> Option<IpAddr> {
    let bare = match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("ipv6:") => text.get(5..)?,
        _ => return text.parse().ok(),
    };
    bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

/// An address as it is compared and shown: IPv4 that came in IPv6 clothes is IPv4.
pub fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(Ipv4Addr::from(v4.octets())),
            None => address,
        },
        IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["example.com", "a_b.example", "1a.2", "x", "xn--bcher-kva.de"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(check_in_dns("*.example.com"), Ok(()));
        assert_eq!(check("*.example.com"), Err(BadHostname::Character(b'*')));
        assert_eq!(check(""), Err(BadHostname::Empty));
        assert_eq!(check("example.com."), Err(BadHostname::Delimiter));
        assert_eq!(check(".example.com"), Err(BadHostname::Delimiter));
        assert_eq!(check("a..b"), Err(BadHostname::Delimiter));
        assert_eq!(check("-a.example"), Err(BadHostname::Hyphen));
        assert_eq!(check("a b"), Err(BadHostname::Character(32)));
        assert_eq!(check("1.2.3"), Err(BadHostname::Numeric));
        assert_eq!(check("bücher.example"), Err(BadHostname::Character(195)));
        assert_eq!(check(&"a".repeat(64)), Err(BadHostname::LabelTooLong));
    }

    #[test]
    fn addresses() {
        assert_eq!(address("192.0.2.1"), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(address("IPv6:2001:db8::1"), Some("2001:db8::1".parse().unwrap()));
        assert_eq!(address("ipv6:192.0.2.1"), None);
        assert_eq!(address("example.com"), None);
    }
}
