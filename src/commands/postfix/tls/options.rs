//! Options of the subcommands.

use std::ffi::OsString;

use super::Outcome;
use super::openssl::Algorithm;
use crate::commands::getopt;

/// Options, and what follows them.
#[derive(Debug)]
pub(super) struct Options {
    options: Vec<(char, Option<String>)>,
    /// Host names, or key files.
    pub(super) names: Vec<String>,
}

impl Options {
    pub(super) fn read(
        words: &[String],
        known: &str,
        usage: impl FnOnce() -> String,
    ) -> Outcome<Self> {
        let read = getopt::Options::read(words.iter().map(OsString::from).collect(), known);
        let read = read.map_err(|_| usage())?;
        Ok(Self { options: read.options, names: read.rest })
    }

    /// The last value of an option.
    pub(super) fn value(&self, letter: char) -> Option<&str> {
        let mut all = self.options.iter().rev();
        all.find(|(known, _)| *known == letter).and_then(|(_, value)| value.as_deref())
    }

    /// `-a`: RSA unless something else is asked for.
    pub(super) fn algorithm(&self) -> Outcome<Algorithm> {
        let word = self.value('a').unwrap_or("rsa");
        Algorithm::parse(word).ok_or_else(|| format!("Unsupported private key algorithm: {word}"))
    }

    /// `-b`: bits of an RSA key, or the curve.
    pub(super) fn bits(&self, algorithm: Algorithm) -> &str {
        self.value('b').filter(|bits| !bits.is_empty()).unwrap_or(match algorithm {
            Algorithm::Rsa => "2048",
            Algorithm::Ecdsa => "secp256r1",
        })
    }
}
