//! TLSA records (RFC 6698 section 2): what a domain says about the certificates of its servers.

use std::fmt;

/// Association data longer than this is shown by its two ends.
const SHOWN_WHOLE: usize = 64;
/// How much of each end.
const SHOWN_END: usize = 32;

/// A TLSA record as it stands in DNS; its numbers may be such as nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tlsa {
    /// 2: an authority of the domain (DANE-TA); 3: the server itself (DANE-EE). 0 and 1 do not
    /// apply to mail (RFC 7672 section 3.1.3).
    pub usage: u8,
    /// 0: the certificate; 1: its public key.
    pub selector: u8,
    /// 0: as it is; 1: its SHA-256; 2: its SHA-512.
    pub matching: u8,
    /// The certificate, the key, or the digest.
    pub data: Vec<u8>,
}

/// A record without association data; of how many octets it consists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("truncated TLSA RR length == {0}")]
pub struct Truncated(pub usize);

impl Tlsa {
    /// Reads the data of a resource record.
    pub fn parse(rdata: &[u8]) -> Result<Self, Truncated> {
        match rdata {
            [usage, selector, matching, data @ ..] if !data.is_empty() => Ok(Self {
                usage: *usage,
                selector: *selector,
                matching: *matching,
                data: data.to_vec(),
            }),
            _ => Err(Truncated(rdata.len())),
        }
    }

    /// As log lines show it: long data by its two ends only.
    pub fn shown(&self) -> String {
        let Self { usage, selector, matching, data } = self;
        let text = match (data.get(..SHOWN_END), data.len().checked_sub(SHOWN_END)) {
            (Some(head), Some(tail)) if data.len() > SHOWN_WHOLE => {
                format!("{}...{}", hex(head), hex(data.get(tail..).unwrap_or_default()))
            }
            _ if data.is_empty() => "...".to_owned(),
            _ => hex(data),
        };
        format!("{usage} {selector} {matching} {text}")
    }
}

/// The whole record, as a zone file and `smtp_dns_reply_filter` have it.
impl fmt::Display for Tlsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { usage, selector, matching, data } = self;
        write!(f, "{usage} {selector} {matching} ")?;
        data.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

/// Digits in upper case, as Postfix shows digests.
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record() {
        let tlsa = Tlsa::parse(&[3, 1, 1, 0xab, 0x0c]).unwrap();
        assert_eq!((tlsa.usage, tlsa.selector, tlsa.matching), (3, 1, 1));
        assert_eq!(tlsa.to_string(), "3 1 1 AB0C");
        assert_eq!(tlsa.shown(), "3 1 1 AB0C");
        let long = Tlsa { data: (0..100).collect(), ..tlsa };
        assert_eq!(long.shown().len(), "3 1 1 ...".len() + 128);
        assert!(long.shown().starts_with("3 1 1 000102") && long.shown().ends_with("616263"));
    }

    /// Postfix 3.6 to 3.11 panicked over three octets.
    #[test]
    fn audit_short_records_are_no_records() {
        for length in 0..=3 {
            assert_eq!(Tlsa::parse(&vec![3; length]), Err(Truncated(length)));
        }
        assert_eq!(Truncated(3).to_string(), "truncated TLSA RR length == 3");
        let empty = Tlsa { usage: 3, selector: 1, matching: 1, data: Vec::new() };
        assert_eq!((empty.shown(), empty.to_string()), ("3 1 1 ...".into(), "3 1 1 ".into()));
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_stands_there(rdata in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(tlsa) = Tlsa::parse(&rdata) {
                prop_assert_eq!(tlsa.data.len() + 3, rdata.len());
                prop_assert!(tlsa.shown().len() <= tlsa.to_string().len() + 3);
            }
        }
    }
}
