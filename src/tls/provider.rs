//! Cipher suites and key exchange groups: what main.cf asks for, of those that rustls has.
//!
//! rustls has no weak suites, so that all grades are the same list; what can only be said about
//! suites that do not exist has no effect.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::{CipherSuite, NamedGroup, SupportedCipherSuite};

use super::words::Protocols;

use aws_lc_rs::{cipher_suite as suites, kx_group as groups};

/// A suite: how rustls knows it, OpenSSL's name, bits, and the words of cipher lists that mean it.
struct Suite {
    suite: &'static SupportedCipherSuite,
    name: &'static str,
    bits: u16,
    words: &'static [&'static str],
}

/// In OpenSSL's order of strength.
static SUITES: [Suite; 9] = [
    Suite {
        suite: &suites::TLS13_AES_256_GCM_SHA384,
        name: "TLS_AES_256_GCM_SHA384",
        bits: 256,
        words: &[],
    },
    Suite {
        suite: &suites::TLS13_CHACHA20_POLY1305_SHA256,
        name: "TLS_CHACHA20_POLY1305_SHA256",
        bits: 256,
        words: &[],
    },
    Suite {
        suite: &suites::TLS13_AES_128_GCM_SHA256,
        name: "TLS_AES_128_GCM_SHA256",
        bits: 128,
        words: &[],
    },
    Suite {
        suite: &suites::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        name: "ECDHE-ECDSA-AES256-GCM-SHA384",
        bits: 256,
        words: &["aECDSA", "ECDSA", "AES", "AES256", "AESGCM", "SHA384"],
    },
    Suite {
        suite: &suites::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        name: "ECDHE-RSA-AES256-GCM-SHA384",
        bits: 256,
        words: &["aRSA", "AES", "AES256", "AESGCM", "SHA384"],
    },
    Suite {
        suite: &suites::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        name: "ECDHE-ECDSA-CHACHA20-POLY1305",
        bits: 256,
        words: &["aECDSA", "ECDSA", "CHACHA20"],
    },
    Suite {
        suite: &suites::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        name: "ECDHE-RSA-CHACHA20-POLY1305",
        bits: 256,
        words: &["aRSA", "CHACHA20"],
    },
    Suite {
        suite: &suites::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        name: "ECDHE-ECDSA-AES128-GCM-SHA256",
        bits: 128,
        words: &["aECDSA", "ECDSA", "AES", "AES128", "AESGCM", "SHA256"],
    },
    Suite {
        suite: &suites::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        name: "ECDHE-RSA-AES128-GCM-SHA256",
        bits: 128,
        words: &["aRSA", "AES", "AES128", "AESGCM", "SHA256"],
    },
];

/// Words that mean every suite of TLS 1.2 here.
const EVERY: [&str; 12] = [
    "ALL",
    "DEFAULT",
    "COMPLEMENTOFDEFAULT",
    "HIGH",
    "kEECDH",
    "kECDHE",
    "EECDH",
    "ECDHE",
    "TLSv1.2",
    "AEAD",
    "FIPS",
    "SUITEB",
];

impl Suite {
    const fn is_tls12(&self) -> bool {
        !self.words.is_empty()
    }

    /// Whether a word of a cipher list means this suite; `+` between words means all of them.
    fn is_meant(&self, word: &str) -> bool {
        self.is_tls12()
            && word.split('+').all(|part| {
                part == self.name || EVERY.contains(&part) || self.words.contains(&part)
            })
    }
}

/// OpenSSL's name of a suite, and its bits.
pub fn cipher(suite: CipherSuite) -> (&'static str, u16) {
    let found = SUITES.iter().find(|known| known.suite.suite() == suite);
    found.map_or(("UNKNOWN", 0), |known| (known.name, known.bits))
}

/// The name of a key exchange group in the log.
pub fn group_name(group: NamedGroup) -> &'static str {
    match group {
        NamedGroup::X25519 => "X25519",
        NamedGroup::secp256r1 => "ECDHE (prime256v1)",
        NamedGroup::secp384r1 => "ECDHE (secp384r1)",
        NamedGroup::X25519MLKEM768 => "X25519MLKEM768",
        NamedGroup::secp256r1MLKEM768 => "SecP256r1MLKEM768",
        NamedGroup::MLKEM768 => "MLKEM768",
        NamedGroup::MLKEM1024 => "MLKEM1024",
        _ => "unknown",
    }
}

/// What main.cf says about ciphers and key exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ciphers {
    /// The cipher list of the grade: `tls_medium_cipherlist` or `tls_high_cipherlist`.
    pub list: String,
    /// What is excluded from it, all parameters together.
    pub exclude: String,
    /// `tls_eecdh_auto_curves`, or the one curve of an old grade.
    pub groups: String,
}

/// The provider for a choice of ciphers, and what is wrong with the choice.
pub fn provider(ciphers: &Ciphers) -> (Arc<CryptoProvider>, Vec<String>) {
    let mut warnings = Vec::new();
    let mut chosen: Vec<&Suite> = SUITES.iter().filter(|suite| !suite.is_tls12()).collect();
    chosen.extend(tls12_suites(ciphers, &mut warnings));
    let provider = CryptoProvider {
        cipher_suites: chosen.iter().map(|suite| *suite.suite).collect(),
        kx_groups: key_exchange(&ciphers.groups, &mut warnings),
        ..aws_lc_rs::default_provider()
    };
    (Arc::new(provider), warnings)
}

/// The provider without the suites of versions that are not to be used. A server would take a suite of
/// TLS 1.3 that the client offers for a sign that it can check any kind of certificate, and then
/// find none of TLS 1.2 that goes with the certificate it has chosen.
pub fn only(provider: Arc<CryptoProvider>, protocols: Protocols) -> Arc<CryptoProvider> {
    let mut provider = Arc::unwrap_or_clone(provider);
    provider.cipher_suites.retain(|suite| match suite {
        SupportedCipherSuite::Tls12(_) => protocols.tls12,
        SupportedCipherSuite::Tls13(_) => protocols.tls13,
    });
    Arc::new(provider)
}

/// Works through a cipher list of OpenSSL as far as it concerns suites that exist.
fn tls12_suites(ciphers: &Ciphers, warnings: &mut Vec<String>) -> Vec<&'static Suite> {
    let mut list: Vec<&Suite> = Vec::new();
    let mut banned: Vec<&str> = Vec::new();
    for word in words(&ciphers.list) {
        if let Some(word) = word.strip_prefix('!') {
            list.retain(|suite| !suite.is_meant(word));
            banned.push(word);
        } else if let Some(word) = word.strip_prefix('-') {
            list.retain(|suite| !suite.is_meant(word));
        } else if let Some(word) = word.strip_prefix('+') {
            let (moved, rest): (Vec<_>, Vec<_>) =
                list.iter().partition(|suite| suite.is_meant(word));
            list = rest.into_iter().chain(moved).collect();
        } else if word.eq_ignore_ascii_case("@STRENGTH") {
            list.sort_by_key(|suite| std::cmp::Reverse(suite.bits));
        } else if !word.starts_with('@') {
            for suite in SUITES.iter().filter(|suite| suite.is_meant(word)) {
                let is_banned = banned.iter().any(|word| suite.is_meant(word));
                if !is_banned && !list.iter().any(|there| there.name == suite.name) {
                    list.push(suite);
                }
            }
        }
    }
    for word in words(&ciphers.exclude) {
        if word.starts_with(['!', '+', '-', '@']) {
            warnings.push(format!("invalid unary '!+-@' in cipher exclusion: {word}"));
        } else {
            list.retain(|suite| !suite.is_meant(word));
        }
    }
    if list.is_empty() {
        warnings.push(
            "no cipher for TLSv1.2 is left of those that this TLS library has: only TLSv1.3 is used"
                .into(),
        );
    }
    list
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([':', ',', ' ', '\t', '\r', '\n', ';']).filter(|word| !word.is_empty())
}

/// The groups in their order. One that does not exist here is passed over.
fn key_exchange(text: &str, warnings: &mut Vec<String>) -> Vec<&'static dyn SupportedKxGroup> {
    let mut chosen: Vec<&'static dyn SupportedKxGroup> = Vec::new();
    let mut add = |group: &'static dyn SupportedKxGroup| {
        if !chosen.iter().any(|there| there.name() == group.name()) {
            chosen.push(group);
        }
    };
    for word in text.split([':', '/', ',', ' ', '\t', '\r', '\n']) {
        // Marks: optional, a key share at once.
        let word = word.trim_start_matches(['?', '*']);
        if word.eq_ignore_ascii_case("DEFAULT") {
            DEFAULT_GROUPS.iter().for_each(|group| add(*group));
        } else if let Some(group) = group(word) {
            add(group);
        }
    }
    for word in text.split([':', '/', ',', ' ']).filter_map(|word| word.strip_prefix('-')) {
        chosen.retain(|there| group(word).is_none_or(|gone| gone.name() != there.name()));
    }
    if chosen.is_empty() {
        if !text.trim().is_empty() {
            warnings.push("none of the configured key exchange groups are supported".into());
            warnings.push("using Postfix default key exchange groups instead".into());
        }
        return DEFAULT_GROUPS.to_vec();
    }
    chosen
}

/// Post-quantum first.
static DEFAULT_GROUPS: [&dyn SupportedKxGroup; 4] =
    [groups::X25519MLKEM768, groups::X25519, groups::SECP256R1, groups::SECP384R1];

fn group(word: &str) -> Option<&'static dyn SupportedKxGroup> {
    match word.to_ascii_lowercase().as_str() {
        "x25519mlkem768" => Some(groups::X25519MLKEM768),
        "secp256r1mlkem768" => Some(groups::SECP256R1MLKEM768),
        "mlkem768" => Some(groups::MLKEM768),
        "mlkem1024" => Some(groups::MLKEM1024),
        "x25519" => Some(groups::X25519),
        "prime256v1" | "secp256r1" | "p-256" => Some(groups::SECP256R1),
        "secp384r1" | "p-384" => Some(groups::SECP384R1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIUM: &str = "aNULL:-aNULL:HIGH:MEDIUM:!SEED:!IDEA:!3DES:!RC2:!RC4:!RC5:!kDH:!kECDH:\
                          !aDSS:!MD5:+RC4:@STRENGTH";

    fn names(list: &str, exclude: &str) -> Vec<&'static str> {
        let ciphers = Ciphers { list: list.into(), exclude: exclude.into(), groups: String::new() };
        tls12_suites(&ciphers, &mut Vec::new()).iter().map(|suite| suite.name).collect()
    }

    #[test]
    fn grades_and_exclusions() {
        assert_eq!(names(MEDIUM, "").len(), 6);
        assert_eq!(names(MEDIUM, "")[0], "ECDHE-ECDSA-AES256-GCM-SHA384");
        assert_eq!(
            names(MEDIUM, "aNULL, RC4, aECDSA CHACHA20 AES128"),
            ["ECDHE-RSA-AES256-GCM-SHA384"]
        );
        assert_eq!(names(MEDIUM, "ECDHE-RSA-AES256-GCM-SHA384").len(), 5);
        assert_eq!(
            names("ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:!DSS", ""),
            ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"]
        );
        assert_eq!(
            names("EECDH+AESGCM+aRSA", ""),
            ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
        assert_eq!(names("!aRSA:HIGH:!AES", ""), ["ECDHE-ECDSA-CHACHA20-POLY1305"]);
    }

    #[test]
    fn all_may_be_excluded() {
        let ciphers = Ciphers { list: MEDIUM.into(), exclude: "HIGH".into(), ..Ciphers::default() };
        let (provider, warnings) = provider(&ciphers);
        assert_eq!((provider.cipher_suites.len(), warnings.len()), (3, 1));
    }

    #[test]
    fn suites_of_other_versions_do_not_stay() {
        let of = |tls12, tls13| {
            let (all, _) = provider(&Ciphers { list: "HIGH".into(), ..Ciphers::default() });
            only(all, Protocols { tls12, tls13 }).cipher_suites.len()
        };
        assert_eq!((of(true, true), of(true, false), of(false, true)), (9, 6, 3));
    }

    #[test]
    fn groups_have_their_order() {
        let of = |text: &str| {
            let mut warnings = Vec::new();
            let groups = key_exchange(text, &mut warnings);
            (
                groups.iter().map(|group| group_name(group.name())).collect::<Vec<_>>(),
                warnings.len(),
            )
        };
        let default = ["X25519MLKEM768", "X25519", "ECDHE (prime256v1)", "ECDHE (secp384r1)"];
        assert_eq!(of("?X25519MLKEM768:DEFAULT"), (default.to_vec(), 0));
        assert_eq!(of("X448 prime256v1"), (vec!["ECDHE (prime256v1)"], 0));
        assert_eq!(of("X448"), (default.to_vec(), 2));
        assert_eq!(of("DEFAULT:-X25519MLKEM768").0.len(), 3);
        assert_eq!(of("").1, 0);
    }
}
