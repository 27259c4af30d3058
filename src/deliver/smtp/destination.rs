//! What a next hop says: a domain or host, in brackets or not, and a port or not.

use crate::mail::hostname;

/// A next hop, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination<'a> {
    /// Domain, host or address without brackets.
    pub host: &'a str,
    /// Port or service name, if given.
    pub service: Option<&'a str>,
    /// Brackets stood around it: no MX look-up.
    pub literal: bool,
}

/// A next hop that makes no sense, in the words of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant is its message")]
pub enum BadDestination {
    #[error("missing \"]\"")]
    NoBracket,
    #[error("garbage after \"]\"")]
    AfterBracket,
    #[error("malformed IPv6 address")]
    Ipv6,
    #[error("missing host information")]
    NoHost,
    #[error("valid hostname or network address required")]
    Host,
    #[error("garbage after numerical service")]
    Service,
}

/// Parses `host`, `host:port`, `[host]`, `[host]:port`, `[address]:port`.
pub fn parse(text: &str) -> Result<Destination<'_>, BadDestination> {
    let (host, service, literal) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(BadDestination::NoBracket)?;
            let service = match after.strip_prefix(':') {
                Some(service) => service,
                None if after.is_empty() => "",
                None => return Err(BadDestination::AfterBracket),
            };
            let tagged = host.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:"));
            if tagged && hostname::address(host).is_none() {
                return Err(BadDestination::Ipv6);
            }
            (if tagged { host.get(5..).unwrap_or_default() } else { host }, service, true)
        }
        None => match text.rsplit_once(':') {
            Some((host, service)) => (host, service, false),
            None => (text, "", false),
        },
    };
    if host.is_empty() {
        return Err(if literal { BadDestination::Host } else { BadDestination::NoHost });
    }
    if hostname::address(host).is_none() && !is_name(host) {
        return Err(BadDestination::Host);
    }
    let numeric = service.starts_with(|c: char| c.is_ascii_digit());
    if numeric && !service.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadDestination::Service);
    }
    Ok(Destination { host, service: Some(service).filter(|s| !s.is_empty()), literal })
}

/// Host names, and with SMTPUTF8 also those that are not ASCII yet.
fn is_name(host: &str) -> bool {
    if host.is_ascii() {
        return hostname::is_valid(host);
    }
    let ascii: String = host.chars().map(|c| if c.is_ascii() { c } else { 'x' }).collect();
    hostname::is_valid(&ascii)
}

/// Splits a list of next hops.
pub fn sites(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\t', '\r', '\n']).filter(|site| !site.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let forms = [
            ("example.com", "example.com", None, false),
            ("example.com:smtp", "example.com", Some("smtp"), false),
            ("example.com:", "example.com", None, false),
            ("[mx.example.com]", "mx.example.com", None, true),
            ("[192.0.2.1]:2525", "192.0.2.1", Some("2525"), true),
            ("[IPv6:2001:db8::1]:25", "2001:db8::1", Some("25"), true),
            ("[2001:db8::1]", "2001:db8::1", None, true),
            ("192.0.2.1:26", "192.0.2.1", Some("26"), false),
        ];
        for (text, host, service, literal) in forms {
            assert_eq!(parse(text), Ok(Destination { host, service, literal }), "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for (text, problem) in [
            ("[a.example", BadDestination::NoBracket),
            ("[a.example]x", BadDestination::AfterBracket),
            ("[ipv6:nonsense]", BadDestination::Ipv6),
            (":25", BadDestination::NoHost),
            ("", BadDestination::NoHost),
            ("-a.example", BadDestination::Host),
            ("a.example:25x", BadDestination::Service),
        ] {
            assert_eq!(parse(text), Err(problem), "{text}");
        }
    }
}
