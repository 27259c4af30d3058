//! What both sides of SCRAM compute from a password (RFC 5802 section 3), by either hash.

use md5::Digest;
use sha1::Sha1;
use sha2::Sha256;

use super::hmac::Hmac;
use super::prep::prepared;

/// The hash of a SCRAM mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SCRAM-SHA-1
    Sha1,
    /// SCRAM-SHA-256
    Sha256,
}

impl Hash {
    /// Bytes of a key.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// `HMAC(key, pieces)`
    pub(in crate::sasl) fn keyed(self, key: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1 => Hmac::<Sha1>::new(key).of(pieces),
            Self::Sha256 => Hmac::<Sha256>::new(key).of(pieces),
        }
    }

    /// `H(text)`
    pub(in crate::sasl) fn of(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(text).to_vec(),
            Self::Sha256 => Sha256::digest(text).to_vec(),
        }
    }

    fn stretched(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha1 => Hmac::<Sha1>::new(password).stretched(salt, iterations),
            Self::Sha256 => Hmac::<Sha256>::new(password).stretched(salt, iterations),
        }
    }
}

/// All keys of a password. Takes as long as there are iterations.
pub(in crate::sasl) struct Derived {
    /// Whoever has it can log in.
    pub client_key: Vec<u8>,
    /// The server checks proofs by it.
    pub stored_key: Vec<u8>,
    /// By which the server shows that it knows the password.
    pub server_key: Vec<u8>,
}

impl Derived {
    /// Of this password, prepared as RFC 5802 section 2.2 wants it.
    pub(in crate::sasl) fn new(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Self {
        let salted = hash.stretched(&prepared(password), salt, iterations);
        let client_key = hash.keyed(&salted, &[b"Client Key"]);
        let stored_key = hash.of(&client_key);
        let server_key = hash.keyed(&salted, &[b"Server Key"]);
        Self { client_key, stored_key, server_key }
    }
}
