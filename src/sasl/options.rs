//! `…_sasl_security_options`: which mechanisms are good enough.

use crate::config::split_list;
use crate::wire::dovecot_auth::Properties;

/// What a mechanism must have, and what it must not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    wanted: Properties,
    unwanted: Properties,
}

/// A word that is no security option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown SASL security option \"{word}\" in \"{text}\"")]
pub struct UnknownOption {
    /// The word.
    pub word: String,
    /// The value in which it stands.
    pub text: String,
}

impl Options {
    /// Parses the value of a parameter.
    pub fn parse(text: &str) -> Result<Self, UnknownOption> {
        let mut options = Self::default();
        for word in split_list(text) {
            let (set, property) = match word.to_ascii_lowercase().as_str() {
                "noplaintext" => (&mut options.unwanted, Properties::PLAINTEXT),
                "noactive" => (&mut options.unwanted, Properties::ACTIVE),
                "nodictionary" => (&mut options.unwanted, Properties::DICTIONARY),
                "noanonymous" => (&mut options.unwanted, Properties::ANONYMOUS),
                "forward_secrecy" => (&mut options.wanted, Properties::FORWARD_SECRECY),
                "mutual_auth" => (&mut options.wanted, Properties::MUTUAL_AUTH),
                _ => return Err(UnknownOption { word: word.to_owned(), text: text.to_owned() }),
            };
            *set = set.with(property);
        }
        Ok(options)
    }

    /// Whether a mechanism with these properties is good enough.
    pub const fn allow(self, properties: Properties) -> bool {
        properties.has(self.wanted) && !properties.any(self.unwanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let options = Options::parse("noplaintext, NoAnonymous").unwrap();
        assert!(!options.allow(Properties::PLAINTEXT));
        assert!(options.allow(Properties::DICTIONARY.with(Properties::ACTIVE)));
        let both = Options::parse("mutual_auth").unwrap();
        assert!(!both.allow(Properties::DICTIONARY) && both.allow(Properties::MUTUAL_AUTH));
        assert!(Options::parse("").unwrap().allow(Properties::PLAINTEXT));
        let error = Options::parse("noanonymous bogus").unwrap_err();
        assert_eq!(error.word, "bogus");
    }
}
