//! smtpd, smtp and lmtp to tlsmgr, which holds the private keys: which certificates are there,
//! and signatures by their keys. Keys never travel.

use serde::{Deserialize, Serialize};

/// Longest message that is signed: TLS 1.2 has a client sign the whole handshake so far.
pub const MESSAGE_MAX: usize = 256 << 10;

/// To tlsmgr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToTlsmgr {
    /// The first frame: the generation of the configuration that the caller runs on
    /// ([`super::birth::Start::generation`]).
    Hello {
        /// The caller's generation.
        generation: u64,
    },
    /// Which certificates a service has.
    Identity(IdentityFiles),
    /// The certificates for a server name that a client has asked for, from
    /// `tls_server_sni_maps`.
    Name(String),
    /// A signature.
    Sign {
        /// By this key.
        key: KeyId,
        /// TLS SignatureScheme (RFC 8446 section 4.2.3).
        scheme: u16,
        /// What is signed, not hashed yet; at most [`MESSAGE_MAX`] bytes.
        message: Vec<u8>,
    },
}

/// From tlsmgr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromTlsmgr {
    /// To `Identity`.
    Identity {
        /// The chains that can be used.
        chains: Vec<Chain>,
        /// What is wrong with files, for the caller's log. With any of these TLS is off, as in
        /// Postfix.
        complaints: Vec<String>,
    },
    /// To `Hello`: this is the instance to talk to.
    Welcome,
    /// To `Hello`: this instance runs on another configuration. Connect again, and sooner or
    /// later the right one will answer.
    OtherGeneration,
    /// To `Name`; empty when there is none.
    Name(Vec<Chain>),
    /// To `Name`: the table, or the value found in it, cannot be used.
    BadName(Vec<String>),
    /// To `Sign`.
    Signature(Vec<u8>),
    /// To `Sign`: there is no such key, or it does not sign that way.
    NoSignature,
}

/// SHA-256 of a SubjectPublicKeyInfo.
pub type KeyId = [u8; 32];

/// The files of one service's certificates and keys, as main.cf names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdentityFiles {
    /// `smtpd_tls_chain_files` as it stands in main.cf; when it names any, the pairs do not count.
    pub chains: String,
    /// Certificate file and key file: `smtpd_tls_cert_file`, `smtpd_tls_eccert_file`.
    pub pairs: Vec<Pair>,
}

/// A certificate file and its key file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pair {
    /// `RSA` or `ECDSA`, as in the log.
    pub kind: String,
    /// Certificates, the own one first.
    pub certificates: String,
    /// The key.
    pub key: String,
}

impl IdentityFiles {
    /// Whether no file is named.
    pub fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.pairs.is_empty()
    }
}

/// A certificate with its issuers, and the name of its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// DER, the own one first.
    pub certificates: Vec<Vec<u8>>,
    /// The key.
    pub key: KeyId,
    /// TLS SignatureAlgorithm of the key (RFC 5246 section 7.4.1.4.1).
    pub algorithm: u8,
    /// TLS SignatureSchemes by which the key signs.
    pub schemes: Vec<u16>,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
}
