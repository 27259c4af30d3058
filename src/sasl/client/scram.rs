//! SCRAM (RFC 5802) without channel binding: neither side shows its password, and the server proves
//! that it knows ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::Failure;
use crate::sasl::prep::prepared_text;
use crate::sasl::scram_keys::{Derived, Hash};

/// How often the password may be hashed: fewer times would make it easy to guess from what we send
/// (RFC 5802 section 5.1), more would be an attack on our processor.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// A dialogue.
#[derive(Debug)]
pub(super) struct Scram {
    /// Our first message without its header.
    bare: String,
    nonce: String,
    state: State,
    hash: Hash,
}

#[derive(Debug)]
enum State {
    /// Our first message is on its way.
    First,
    /// So is our proof; the server must answer with this signature.
    Proof { signature: Vec<u8> },
    /// The server has done so.
    Proved,
}

impl Scram {
    pub(super) fn new(hash: Hash, username: &str, nonce: &str) -> Self {
        let bare = format!("n={},r={nonce}", escaped(&prepared_text(username)));
        Self { bare, nonce: nonce.to_owned(), state: State::First, hash }
    }

    /// `client-first-message`
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.bare)
    }

    /// The server has shown that it knows the password.
    pub(super) const fn is_proved(&self) -> bool {
        matches!(self.state, State::Proved)
    }

    pub(super) fn respond(&mut self, password: &str, challenge: &[u8]) -> Result<Vec<u8>, Failure> {
        let challenge = std::str::from_utf8(challenge).map_err(|_| Failure::BadChallenge)?;
        match &self.state {
            State::First => self.proof(password, challenge).ok_or(Failure::BadChallenge),
            State::Proof { signature } => {
                let given = challenge.split(',').next().and_then(|field| field.strip_prefix("v="));
                let given = given.and_then(|given| BASE64.decode(given).ok());
                if given.as_ref() != Some(signature) {
                    return Err(Failure::BadServer);
                }
                self.state = State::Proved;
                Ok(Vec::new())
            }
            State::Proved => Err(Failure::BadChallenge),
        }
    }

    /// `client-final-message`; none if the server's first message is malformed.
    fn proof(&mut self, password: &str, challenge: &str) -> Option<Vec<u8>> {
        let mut fields = challenge.split(',');
        let nonce = fields.next()?.strip_prefix("r=")?;
        let salt = BASE64.decode(fields.next()?.strip_prefix("s=")?).ok()?;
        let iterations = fields.next()?.strip_prefix("i=")?.parse().ok()?;
        if !ITERATIONS.contains(&iterations) || salt.is_empty() {
            return None;
        }
        // The server's nonce is ours with something added.
        if nonce.strip_prefix(&self.nonce)?.is_empty() {
            return None;
        }
        let Derived { client_key, stored_key, server_key } =
            Derived::new(self.hash, password.as_bytes(), &salt, iterations);
        // `biws` is "n,,": no channel binding.
        let without_proof = format!("c=biws,r={nonce}");
        let dialogue: [&[u8]; 5] =
            [self.bare.as_bytes(), b",", challenge.as_bytes(), b",", without_proof.as_bytes()];
        let mut proof = self.hash.keyed(&stored_key, &dialogue);
        for (to, from) in proof.iter_mut().zip(&client_key) {
            *to ^= from;
        }
        let signature = self.hash.keyed(&server_key, &dialogue);
        self.state = State::Proof { signature };
        Some(format!("{without_proof},p={}", BASE64.encode(proof)).into_bytes())
    }
}

/// A name as it may stand between commas (`saslname`).
pub(super) fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 5802 section 5
    #[test]
    fn example_with_sha1() {
        let mut scram = Scram::new(Hash::Sha1, "user", "fyko+d2lbbFgONRv9qkxdawL");
        assert_eq!(scram.first(), "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL");
        let challenge = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        assert_eq!(
            scram.respond("pencil", challenge).unwrap(),
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,\
              p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
        );
        assert!(!scram.is_proved());
        assert_eq!(scram.respond("pencil", b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").unwrap(), b"");
        assert!(scram.is_proved());
    }

    /// RFC 7677 section 3
    #[test]
    fn example_with_sha256() {
        let mut scram = Scram::new(Hash::Sha256, "user", "rOprNGfwEbeRWgbNEkqO");
        let challenge =
            b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            scram.respond("pencil", challenge).unwrap(),
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
              p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        let answer = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert!(scram.respond("pencil", answer).is_ok() && scram.is_proved());
    }

    #[test]
    fn servers_that_cheat() {
        for challenge in [
            "r=other,s=QSXCR+Q6sek8bf92,i=4096",
            "r=mine,s=QSXCR+Q6sek8bf92,i=4096",
            "r=mineyours,s=QSXCR+Q6sek8bf92,i=1",
            "r=mineyours,s=QSXCR+Q6sek8bf92,i=4000000000",
            "r=mineyours,s=,i=4096",
            "r=mineyours,i=4096",
            "m=x,r=mineyours,s=QSXCR+Q6sek8bf92,i=4096",
            "",
        ] {
            let mut scram = Scram::new(Hash::Sha1, "user", "mine");
            let answer = scram.respond("pencil", challenge.as_bytes());
            assert_eq!(answer, Err(Failure::BadChallenge), "{challenge}");
        }
        let mut scram = Scram::new(Hash::Sha1, "user", "mine");
        scram.respond("pencil", b"r=mineyours,s=QSXCR+Q6sek8bf92,i=4096").unwrap();
        assert_eq!(scram.respond("pencil", b"v=AAAA"), Err(Failure::BadServer));
        assert!(!scram.is_proved());
    }

    #[test]
    fn names() {
        assert_eq!(escaped("a=b,c"), "a=3Db=2Cc");
    }

    proptest! {
        #[test]
        fn never_panics(challenge in "(r=mine[a-z]{0,5},s=[A-Za-z+/=]{0,8},i=[0-9]{0,4})|\\PC*") {
            let mut scram = Scram::new(Hash::Sha1, "user", "mine");
            let _ = scram.respond("pencil", challenge.as_bytes());
            let _ = scram.respond("pencil", challenge.as_bytes());
        }
    }
}
