//! TLSRPT records (RFC 8460 section 3): whom a domain wants to hear from about TLS, as the TXT
//! records of `_smtp._tls.<domain>` say it.

/// Longest record that is looked at.
const RECORD_MAX: usize = 2048;

/// How many places one record may send reports to.
const PLACES_MAX: usize = 8;

/// Longest address or URL.
const PLACE_MAX: usize = 1024;

const VERSION: &str = "v=TLSRPTv1";

/// A record, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where reports go, in the order of the record.
    pub places: Vec<Place>,
}

/// Where reports go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `mailto:`, the address alone.
    Mail(String),
    /// `https:`
    Https(Url),
}

/// An `https:` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// As it stands.
    pub text: String,
    /// The host: a name, or an address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query, as a request has them.
    pub target: String,
}

/// Why there is no use in a domain's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecord {
    /// No record begins with the version, or the domain has none.
    #[error("no TLSRPT record")]
    None,
    /// RFC 8460 section 3: more than one is as good as none.
    #[error("more than one TLSRPT record")]
    Several,
    /// It is longer than anybody needs.
    #[error("TLSRPT record too long")]
    TooLong,
    /// After the version comes no field.
    #[error("malformed TLSRPT record")]
    Syntax,
    /// Nobody can be reported to.
    #[error("TLSRPT record without a usable rua")]
    NoPlace,
}

/// The one record among the TXT records of a name.
pub fn choose<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<&'a str, BadRecord> {
    let mut records = texts.into_iter().filter(|text| text.starts_with(VERSION));
    let record = records.next().ok_or(BadRecord::None)?;
    if records.next().is_some() {
        return Err(BadRecord::Several);
    }
    if record.len() > RECORD_MAX {
        return Err(BadRecord::TooLong);
    }
    Ok(record)
}

impl Record {
    /// Reads a record. Unknown fields are for others, unknown URIs for the future; both are
    /// skipped.
    pub fn parse(text: &str) -> Result<Self, BadRecord> {
        if text.len() > RECORD_MAX {
            return Err(BadRecord::TooLong);
        }
        let rest = text.strip_prefix(VERSION).ok_or(BadRecord::None)?;
        let fields = rest.trim_start_matches([' ', '\t']).strip_prefix(';');
        let mut places = Vec::new();
        for field in fields.ok_or(BadRecord::Syntax)?.split(';') {
            let Some((name, value)) = field.split_once('=') else { continue };
            if name.trim_matches([' ', '\t']) == "rua" {
                places.extend(value.split(',').filter_map(Place::parse));
            }
        }
        places.truncate(PLACES_MAX);
        if places.is_empty() { Err(BadRecord::NoPlace) } else { Ok(Self { places }) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mail(address) => write!(f, "mailto:{address}"),
            Self::Https(url) => write!(f, "{url}"),
        }
    }
}

impl Place {
    /// One URI; none if it is of another kind, or makes no sense.
    fn parse(uri: &str) -> Option<Self> {
        let uri = uri.trim_matches([' ', '\t']);
        let (scheme, rest) = uri.split_once(':')?;
        if uri.len() > PLACE_MAX || !uri.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        if scheme.eq_ignore_ascii_case("mailto") {
            let address = rest.split(['?', '#']).next().unwrap_or_default();
            return address_of(address).map(Self::Mail);
        }
        Url::parse(uri).map(Self::Https)
    }
}

impl Url {
    /// Takes a URL apart (RFC 3986); none if it is not `https:`, or makes no sense. A user is no
    /// part of such a URL (RFC 9110 section 4.2.4).
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("https") || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                host.parse::<std::net::Ipv6Addr>().ok()?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some(""))?)
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let port =
            if port.is_empty() { 443 } else { port.parse().ok().filter(|port| *port > 0)? };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
        if host.is_empty() || host.len() > 255 || !host.bytes().all(plain) {
            return None;
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}");
        Some(Self { text: text.to_owned(), host: host.to_owned(), port, target })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The address of a mailto: URI (RFC 6068), percent-decoded.
fn address_of(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    let address = String::from_utf8(out).ok()?;
    let (local, domain) = address.rsplit_once('@')?;
    let plain = |b: u8| b.is_ascii_graphic() && !b"<>,;\"\\()".contains(&b);
    let good = !local.is_empty() && !domain.is_empty() && address.bytes().all(plain);
    (good && !local.contains('@') && address.len() <= 320).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(text: &str) -> Result<Vec<Place>, BadRecord> {
        Record::parse(text).map(|record| record.places)
    }

    fn https(text: &str) -> Place {
        Place::Https(Url::parse(text).unwrap())
    }

    #[test]
    fn urls() {
        let parts = |text: &str| Url::parse(text).map(|url| (url.host, url.port, url.target));
        let is = |host: &str, port, target: &str| Some((host.to_owned(), port, target.to_owned()));
        assert_eq!(parts("https://a.test"), is("a.test", 443, "/"));
        assert_eq!(parts("HTTPS://a.test:8443/x/y?z=1#w"), is("a.test", 8443, "/x/y?z=1"));
        assert_eq!(parts("https://a.test?z"), is("a.test", 443, "/?z"));
        assert_eq!(parts("https://[2001:db8::1]:44/"), is("2001:db8::1", 44, "/"));
        assert_eq!(parts("https://192.0.2.1:/"), is("192.0.2.1", 443, "/"));
        for bad in [
            "http://a",
            "https:a",
            "https://",
            "https:///x",
            "https://a:0",
            "https://a:x",
            "https://a:99999/",
            "https://u@a/",
            "https://[::1",
            "https://[x]/",
            "https://a b/",
            "https://a\r\nHost: b/",
            "https://a%41/",
            "https://[::1]x/",
        ] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(
            places("v=TLSRPTv1;rua=mailto:reports@example.com"),
            Ok(vec![Place::Mail("reports@example.com".into())])
        );
        assert_eq!(
            places("v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt"),
            Ok(vec![https("https://reporting.example.com/v1/tlsrpt")])
        );
    }

    #[test]
    fn several_places_and_other_fields() {
        let text = "v=TLSRPTv1 ; x=y; rua = mailto:a%2Bb@x.test?subject=z , ftp://x, https://y/ ;";
        assert_eq!(places(text), Ok(vec![Place::Mail("a+b@x.test".into()), https("https://y/")]));
    }

    #[test]
    fn what_makes_no_sense() {
        assert_eq!(places("v=TLSRPTv2;rua=mailto:a@b"), Err(BadRecord::None));
        assert_eq!(places("v=TLSRPTv1"), Err(BadRecord::Syntax));
        assert_eq!(places("v=TLSRPTv1x;rua=mailto:a@b"), Err(BadRecord::Syntax));
        for rua in ["", "mailto:", "mailto:a", "mailto:@b", "mailto:a@b@c", "mailto:a%0Ab@c"] {
            assert_eq!(places(&format!("v=TLSRPTv1;rua={rua}")), Err(BadRecord::NoPlace), "{rua}");
        }
        assert_eq!(places("v=TLSRPTv1;rua=mailto:a%4"), Err(BadRecord::NoPlace));
        assert_eq!(places("v=TLSRPTv1;rua=https:x"), Err(BadRecord::NoPlace));
    }

    #[test]
    fn one_record_among_others() {
        let texts = ["v=spf1 -all", "v=TLSRPTv1;rua=mailto:a@b"];
        assert_eq!(choose(texts), Ok(texts[1]));
        assert_eq!(choose(["v=spf1"]), Err(BadRecord::None));
        assert_eq!(choose([texts[1], texts[1]]), Err(BadRecord::Several));
    }

    proptest! {
        #[test]
        fn places_are_such_as_can_be_used(text in "v=TLSRPTv1;rua=(mailto:|https://|[a-z:]{0,9})?[ -~]{0,60}") {
            for place in Record::parse(&text).map(|record| record.places).unwrap_or_default() {
                match place {
                    Place::Mail(address) => {
                        prop_assert!(address.contains('@') && !address.contains([' ', '<', '>', ',']));
                    }
                    Place::Https(url) => {
                        prop_assert!(!url.host.is_empty() && url.target.starts_with('/'));
                        prop_assert!(!url.target.contains([' ', '\r', '\n']));
                    }
                }
            }
        }

        #[test]
        fn anything_can_be_read(text in "\\PC*") {
            let _ = Record::parse(&text);
            let _ = choose([text.as_str()]);
        }
    }
}
