//! The words of TLS parameters: protocol lists, cipher grades, security levels, log levels.

use crate::config::split_list;

/// A TLS security level (`smtp_tls_security_level`, policy tables), weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// No TLS.
    None,
    /// If the server offers it.
    May,
    /// Always; nobody's identity is checked.
    Encrypt,
    /// Always, with a certificate or key that is listed.
    Fingerprint,
    /// By the TLSA records of the server, or else as `may`.
    Dane,
    /// By the TLSA records of the server, or not at all.
    DaneOnly,
    /// With a certificate of a trusted authority for the server's name.
    Verify,
    /// The same for a name that does not come from DNS.
    Secure,
}

impl Level {
    /// Parses its name in any case.
    pub fn parse(word: &str) -> Option<Self> {
        ALL_LEVELS.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(level, _)| *level)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ALL_LEVELS.iter().find(|(level, _)| *level == self).map_or("", |(_, name)| name)
    }

    /// Whether mail is not sent without TLS.
    pub fn requires_tls(self) -> bool {
        self > Self::May
    }

    /// Whether the server must prove who it is.
    pub fn must_match(self) -> bool {
        self > Self::Encrypt
    }

    /// Whether that is done with certification authorities.
    pub fn uses_authorities(self) -> bool {
        self >= Self::Verify
    }

    /// Whether that is done with TLSA records.
    pub fn uses_dane(self) -> bool {
        matches!(self, Self::Dane | Self::DaneOnly)
    }
}

const ALL_LEVELS: [(Level, &str); 8] = [
    (Level::None, "none"),
    (Level::May, "may"),
    (Level::Encrypt, "encrypt"),
    (Level::Fingerprint, "fingerprint"),
    (Level::Dane, "dane"),
    (Level::DaneOnly, "dane-only"),
    (Level::Verify, "verify"),
    (Level::Secure, "secure"),
];

/// The protocol versions that a list leaves, of those that exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Protocols {
    /// TLS 1.2
    pub tls12: bool,
    /// TLS 1.3
    pub tls13: bool,
}

/// Protocol names with their numbers on the wire, in the order of their age.
const VERSIONS: [(&str, u16); 6] = [
    ("SSLv2", 0x0200),
    ("SSLv3", 0x0300),
    ("TLSv1", 0x0301),
    ("TLSv1.1", 0x0302),
    ("TLSv1.2", 0x0303),
    ("TLSv1.3", 0x0304),
];

impl Protocols {
    /// Parses a list such as `>=TLSv1.2`, `!SSLv2, !SSLv3` or `TLSv1.3`; none if a word is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut floor, mut ceiling) = (0, u16::MAX);
        let (mut included, mut excluded) = (Vec::new(), Vec::new());
        for word in text.split([',', ' ', '\t', '\r', '\n', ':']).filter(|word| !word.is_empty()) {
            if let Some(bound) = word.strip_prefix(">=") {
                floor = bound_version(bound)?;
            } else if let Some(bound) = word.strip_prefix("<=") {
                ceiling = Some(bound_version(bound)?).filter(|v| *v > 0).unwrap_or(u16::MAX);
            } else if let Some(name) = word.strip_prefix('!') {
                excluded.push(version(name)?);
            } else {
                included.push(version(word)?);
            }
        }
        let has = |version: u16| {
            (floor..=ceiling).contains(&version)
                && !excluded.contains(&version)
                && (included.is_empty() || included.contains(&version))
        };
        Some(Self { tls12: has(0x0303), tls13: has(0x0304) })
    }

    /// Whether nothing is left.
    pub const fn is_empty(self) -> bool {
        !self.tls12 && !self.tls13
    }
}

fn version(name: &str) -> Option<u16> {
    VERSIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, number)| *number)
}

/// A bound may also be a number in hexadecimal, and `None` is no bound.
fn bound_version(name: &str) -> Option<u16> {
    if name.eq_ignore_ascii_case("none") {
        return Some(0);
    }
    version(name).filter(|v| *v > 0x0200).or_else(|| {
        let digits = name.strip_prefix("0x").or_else(|| name.strip_prefix("0X")).unwrap_or(name);
        u16::from_str_radix(digits, 16).ok()
    })
}

/// Whether a word is a cipher grade. All grades are the same here: every suite that exists is
/// `high`.
pub fn is_cipher_grade(word: &str) -> bool {
    ["high", "medium", "low", "export", "null"].iter().any(|grade| grade.eq_ignore_ascii_case(word))
}

/// What `smtpd_tls_loglevel` and its relatives ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogLevel {
    /// One line for each connection.
    pub summary: bool,
    /// Why a certificate is not trusted.
    pub untrusted: bool,
    /// The names and fingerprints of a certificate.
    pub peer_certificate: bool,
    /// How a certificate was matched.
    pub match_of_names: bool,
    /// The steps of the TLS engine.
    pub verbose: bool,
    /// Sessions that are saved and resumed.
    pub cache: bool,
    /// TLSA records.
    pub dane: bool,
}

impl LogLevel {
    /// Parses a list of numbers and names; none if a word is unknown.
    pub fn parse(text: &str) -> Option<Self> {
        let mut level = Self::default();
        for word in split_list(text) {
            match word.to_ascii_lowercase().as_str() {
                "0" | "none" => {}
                "1" | "routine" | "summary" => level.summary = true,
                "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "debug" | "ssl-expert"
                | "ssl-developer" => {
                    level.summary = true;
                    level.verbose = true;
                    level.cache = true;
                }
                "untrusted" => level.untrusted = true,
                "peercert" => level.peer_certificate = true,
                "certmatch" => level.match_of_names = true,
                "verbose" => level.verbose = true,
                "cache" => level.cache = true,
                "dane" => level.dane = true,
                "ssl-debug" | "ssl-handshake-packet-dump" | "ssl-session-packet-dump" | "trace" => {
                }
                _ => return None,
            }
        }
        Some(level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn both(tls12: bool, tls13: bool) -> Option<Protocols> {
        Some(Protocols { tls12, tls13 })
    }

    #[test]
    fn protocol_lists() {
        assert_eq!(Protocols::parse(""), both(true, true));
        assert_eq!(Protocols::parse(">=TLSv1"), both(true, true));
        assert_eq!(Protocols::parse("!SSLv2, !SSLv3, !TLSv1, !TLSv1.1"), both(true, true));
        assert_eq!(Protocols::parse(">=TLSv1.3"), both(false, true));
        assert_eq!(Protocols::parse(">=tlsv1.2, <=TLSv1.2"), both(true, false));
        assert_eq!(Protocols::parse("TLSv1.2"), both(true, false));
        assert_eq!(Protocols::parse("<=0303"), both(true, false));
        assert_eq!(Protocols::parse(">=0x0304"), both(false, true));
        assert_eq!(Protocols::parse("TLSv1.3:!TLSv1.3"), both(false, false));
        assert_eq!(Protocols::parse("TLSv1"), both(false, false));
        assert_eq!(Protocols::parse("<=none"), both(true, true));
        assert_eq!(Protocols::parse("TLSv1.4"), None);
        assert_eq!(Protocols::parse(">=SSLv2x"), None);
    }

    #[test]
    fn levels_have_their_order() {
        assert_eq!(Level::parse("DANE-only"), Some(Level::DaneOnly));
        assert_eq!(Level::parse("halfdane"), None);
        assert!(Level::May < Level::Encrypt && !Level::May.requires_tls());
        assert!(Level::Fingerprint.must_match() && !Level::Fingerprint.uses_authorities());
        for (level, name) in ALL_LEVELS {
            assert_eq!(level.name(), name);
        }
    }

    #[test]
    fn log_levels() {
        assert!(LogLevel::parse("1").unwrap().summary);
        assert!(LogLevel::parse("2").unwrap().verbose);
        assert_eq!(LogLevel::parse("none"), Some(LogLevel::default()));
        let both = LogLevel::parse("summary,untrusted").unwrap();
        assert!(both.summary && both.untrusted && !both.verbose);
        assert_eq!(LogLevel::parse("loud"), None);
    }

    proptest! {
        #[test]
        fn no_list_panics(text in ".{0,40}") {
            let _ = (Protocols::parse(&text), LogLevel::parse(&text), Level::parse(&text));
        }
    }
}
