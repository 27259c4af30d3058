//! Syntax of host names and numeric addresses, as Postfix judges them.

/// A DNS host name: letters, digits, `_` and inner hyphens in labels of 1 to 63, at most 255 in
/// all, not numeric.
pub fn is_name(name: &str) -> bool {
    if name.is_empty() || name.len() > 255 {
        return false;
    }
    let labels_fit = name.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    });
    labels_fit && name.bytes().any(|b| !b.is_ascii_digit() && b != b'.')
}

/// A host name that may be internationalized.
pub fn is_name_or_utf8(name: &str) -> bool {
    if name.is_ascii() {
        return is_name(name);
    }
    to_ascii(name).is_some_and(|ascii| is_name(&ascii))
}

/// The ASCII form of a domain; none if it is malformed, or without the feature `eai`.
pub fn to_ascii(name: &str) -> Option<String> {
    if name.is_ascii() {
        return Some(name.to_owned());
    }
    #[cfg(feature = "eai")]
    return idna::domain_to_ascii(name).ok().filter(|ascii| !ascii.is_empty());
    #[cfg(not(feature = "eai"))]
    None
}

/// An IPv4 address in dotted form.
pub fn is_ipv4(text: &str) -> bool {
    let mut octets = 0;
    let fits = text.split('.').all(|octet| {
        octets += 1;
        let digits = !octet.is_empty() && octet.bytes().all(|b| b.is_ascii_digit());
        digits && octet.trim_start_matches('0').len() <= 3 && small(octet) <= 255
    });
    let zero_network = text.split('.').next().is_some_and(|first| small(first) == 0);
    fits && octets == 4 && (!zero_network || text.bytes().all(|b| matches!(b, b'0' | b'.')))
}

fn small(digits: &str) -> u32 {
    digits.trim_start_matches('0').parse().unwrap_or(0)
}

/// An IPv6 address.
pub fn is_ipv6(text: &str) -> bool {
    text.contains(':') && text.parse::<std::net::Ipv6Addr>().is_ok()
}

/// A numeric address of either family.
pub fn is_address(text: &str) -> bool {
    if text.contains(':') { is_ipv6(text) } else { is_ipv4(text) }
}

/// The bare address in what may stand between `[` and `]` in a mail address: `192.0.2.1` or
/// `IPv6:2001:db8::1`.
pub fn mail_host_address(text: &str) -> Option<&str> {
    match text.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case("ipv6:") => {
            is_ipv6(address).then_some(address)
        }
        _ => is_ipv4(text).then_some(text),
    }
}

/// The same with its brackets.
pub fn mail_host_literal(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']').and_then(mail_host_address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        for good in ["a", "a.b", "a_b.c-d", "1a", "1.2.3.x", "example.com"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "-a.b", "a-.b", "1.2.3.4", "12", "a b", "é.x"] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(!is_name(&"a".repeat(64)));
    }

    #[test]
    fn addresses() {
        for good in ["1.2.3.4", "0.0.0.0", "01.2.3.4", "255.255.255.255"] {
            assert!(is_ipv4(good), "{good}");
        }
        for bad in ["1.2.3", "1.2.3.4.5", "256.1.1.1", "0.1.2.3", "1..2.3", "1.2.3.", "a.b.c.d"] {
            assert!(!is_ipv4(bad), "{bad}");
        }
        assert_eq!(mail_host_literal("[IPv6:::1]"), Some("::1"));
        assert_eq!(mail_host_literal("[::1]"), None);
        assert_eq!(mail_host_literal("[192.0.2.1]"), Some("192.0.2.1"));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            let _ = (is_name_or_utf8(&text), is_address(&text), mail_host_literal(&text));
        }
    }
}
