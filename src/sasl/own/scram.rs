//! The server's side of SCRAM (RFC 5802, RFC 7677), without channel binding.
//!
//! Nobody can tell from it which names there are: for a name that there is not, it goes to the end
//! with keys that fit no password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::same;
use crate::sasl::scram_keys::{Derived, Hash};
use crate::wire::sasl_response::{self, ScramFirst};

/// What a server keeps of a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// How often it was hashed.
    pub iterations: u32,
    /// What was hashed with it.
    pub salt: Vec<u8>,
    /// `StoredKey`
    pub stored: Vec<u8>,
    /// `ServerKey`
    pub server: Vec<u8>,
}

/// Keys are as good as hashes: they stay out of logs.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Keys {
    /// Of a password. Takes as long as there are iterations.
    pub fn of_password(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let Derived { stored_key, server_key, .. } = Derived::new(hash, password, salt, iterations);
        Self { iterations, salt: salt.to_vec(), stored: stored_key, server: server_key }
    }

    /// Keys that fit no password. The salt is always the same for a name: whoever asks twice must
    /// not find out that there is no such user.
    pub fn of_nobody(hash: Hash, name: &str, secret: &[u8], iterations: u32) -> Self {
        let made = |what: &[u8]| hash.keyed(secret, &[what, name.as_bytes()]);
        let mut salt = made(b"salt");
        salt.truncate(SALT);
        Self { iterations, salt, stored: made(b"stored"), server: made(b"server") }
    }
}

/// Bytes of a salt that we make.
pub const SALT: usize = 16;

/// A dialogue after its first message.
#[derive(Debug)]
pub(super) struct Scram {
    hash: Hash,
    keys: Keys,
    /// `gs2-header` in base64.
    binding: String,
    nonce: String,
    /// `client-first-message-bare,server-first-message`
    so_far: String,
}

/// How a dialogue ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The client knows the password; this shows that we do, too.
    Right(Vec<u8>),
    /// It does not.
    Wrong,
    /// It is not the end of this dialogue.
    Malformed,
}

impl Scram {
    /// Begins; gives `server-first-message`. `ours` is our half of the nonce.
    pub(super) fn begin(
        hash: Hash,
        first: &ScramFirst<'_>,
        keys: Keys,
        ours: &str,
    ) -> (Self, String) {
        let nonce = format!("{}{ours}", first.nonce);
        let salt = BASE64.encode(&keys.salt);
        let answer = format!("r={nonce},s={salt},i={}", keys.iterations);
        let so_far = format!("{},{answer}", first.bare);
        let binding = BASE64.encode(first.header);
        (Self { hash, keys, binding, nonce, so_far }, answer)
    }

    /// Checks `client-final-message`.
    pub(super) fn finish(&self, message: &[u8]) -> Proof {
        let Ok(last) = sasl_response::scram_final(message) else { return Proof::Malformed };
        if last.nonce != self.nonce || last.binding != self.binding {
            return Proof::Malformed;
        }
        let Ok(mut proof) = BASE64.decode(last.proof) else { return Proof::Malformed };
        if proof.len() != self.hash.length() {
            return Proof::Malformed;
        }
        let dialogue: [&[u8]; 3] = [self.so_far.as_bytes(), b",", last.without_proof.as_bytes()];
        let signature = self.hash.keyed(&self.keys.stored, &dialogue);
        for (to, from) in proof.iter_mut().zip(&signature) {
            *to ^= from;
        }
        if !same(&self.hash.of(&proof), &self.keys.stored) {
            return Proof::Wrong;
        }
        let signature = self.hash.keyed(&self.keys.server, &dialogue);
        Proof::Right(format!("v={}", BASE64.encode(signature)).into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 7677 section 3
    #[test]
    fn example() {
        let salt = BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let keys = Keys::of_password(Hash::Sha256, b"pencil", &salt, 4096);
        let first = sasl_response::scram_first(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        let ours = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let (scram, answer) = Scram::begin(Hash::Sha256, &first, keys, ours);
        assert_eq!(
            answer,
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
        );
        let last = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        let right = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_vec();
        assert_eq!(scram.finish(last.as_bytes()), Proof::Right(right));
        let proof = |text: &str| scram.finish(text.as_bytes());
        assert_eq!(proof(&last.replace("p=dH", "p=eH")), Proof::Wrong);
        assert_eq!(proof(&last.replace("biws", "eSws")), Proof::Malformed);
        assert_eq!(proof(&last.replace("r=r", "r=x")), Proof::Malformed);
        assert_eq!(proof("c=biws,r=x,p=AAAA"), Proof::Malformed);
        assert_eq!(proof(""), Proof::Malformed);
    }

    #[test]
    fn nobody_has_always_the_same_salt() {
        let nobody = |name, secret: &[u8]| Keys::of_nobody(Hash::Sha1, name, secret, 4096);
        assert_eq!(nobody("joe", b"x"), nobody("joe", b"x"));
        assert_ne!(nobody("joe", b"x").salt, nobody("jane", b"x").salt);
        assert_ne!(nobody("joe", b"x").salt, nobody("joe", b"y").salt);
        assert_eq!(nobody("joe", b"x").salt.len(), SALT);
    }

    proptest! {
        #[test]
        fn never_lets_strangers_in(message in "(c=biws,r=minetheirs,p=[A-Za-z+/=]{0,40})|\\PC*") {
            let first = sasl_response::scram_first(b"n,,n=user,r=mine").unwrap();
            let keys = Keys::of_nobody(Hash::Sha1, "user", b"secret", 4096);
            let (scram, _) = Scram::begin(Hash::Sha1, &first, keys, "theirs");
            prop_assert!(!matches!(scram.finish(message.as_bytes()), Proof::Right(_)));
        }
    }
}
