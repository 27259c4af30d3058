//! EHLO keywords, and which of them are not offered (`smtpd_discard_ehlo_keywords`).

/// A set of EHLO keywords.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keywords(u32);

/// Names in the order in which the log lists them.
const NAMES: &[(&str, Keywords)] = &[
    ("8BITMIME", Keywords::EIGHT_BIT_MIME),
    ("AUTH", Keywords::AUTH),
    ("ETRN", Keywords::ETRN),
    ("PIPELINING", Keywords::PIPELINING),
    ("SIZE", Keywords::SIZE),
    ("VERP", Keywords::VERP),
    ("VRFY", Keywords::VRFY),
    ("XCLIENT", Keywords::XCLIENT),
    ("XFORWARD", Keywords::XFORWARD),
    ("STARTTLS", Keywords::STARTTLS),
    ("ENHANCEDSTATUSCODES", Keywords::ENHANCED_STATUS_CODES),
    ("DSN", Keywords::DSN),
    ("SMTPUTF8", Keywords::SMTPUTF8),
    ("CHUNKING", Keywords::CHUNKING),
    ("REQUIRETLS", Keywords::REQUIRETLS),
    ("SILENT-DISCARD", Keywords::SILENT),
];

impl Keywords {
    pub const NONE: Self = Self(0);
    pub const EIGHT_BIT_MIME: Self = Self(1);
    pub const PIPELINING: Self = Self(1 << 1);
    pub const SIZE: Self = Self(1 << 2);
    pub const VRFY: Self = Self(1 << 3);
    pub const ETRN: Self = Self(1 << 4);
    pub const AUTH: Self = Self(1 << 5);
    pub const VERP: Self = Self(1 << 6);
    pub const STARTTLS: Self = Self(1 << 7);
    pub const XCLIENT: Self = Self(1 << 8);
    pub const XFORWARD: Self = Self(1 << 9);
    pub const ENHANCED_STATUS_CODES: Self = Self(1 << 10);
    pub const DSN: Self = Self(1 << 11);
    pub const SMTPUTF8: Self = Self(1 << 12);
    pub const CHUNKING: Self = Self(1 << 13);
    pub const REQUIRETLS: Self = Self(1 << 14);
    /// Not a keyword: do not log what is discarded.
    pub const SILENT: Self = Self(1 << 15);
}

impl Keywords {
    /// Parses a list of keywords; also the words that are none.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let mut set = Self::NONE;
        let mut unknown = Vec::new();
        for word in text.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
            match NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
                Some((_, keyword)) => set.0 |= keyword.0,
                None => unknown.push(word.to_owned()),
            }
        }
        (set, unknown)
    }

    /// Whether `keyword` is in the set.
    pub const fn has(self, keyword: Self) -> bool {
        self.0 & keyword.0 != 0
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names, as the log shows them.
    pub fn names(self) -> String {
        let names: Vec<&str> =
            NAMES.iter().filter(|(_, keyword)| self.has(*keyword)).map(|(name, _)| *name).collect();
        names.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses() {
        let (set, unknown) = Keywords::parse("dsn, chunking bogus");
        assert!(set.has(Keywords::DSN) && set.has(Keywords::CHUNKING) && !set.has(Keywords::SIZE));
        assert_eq!(set.names(), "DSN CHUNKING");
        assert_eq!(unknown, ["bogus"]);
    }
}
