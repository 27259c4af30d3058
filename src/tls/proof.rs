//! Whether a peer has the key of the certificate that it shows, and what is remembered of a
//! handshake while rustls is at it.
//!
//! The key is taken out of the certificate and used as it is: what else the certificate says, or
//! how old its format is, does not matter for that.

use std::sync::Mutex;
use std::sync::PoisonError;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::certificate::{Certificate, KeyKind, key_kind_of};
use super::facts::Signature;

/// Schemes in the order in which OpenSSL names them: a peer that goes by our order chooses what
/// it would with Postfix.
const ORDER: [SignatureScheme; 10] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// The schemes that can be verified, in that order.
pub fn schemes(supported: &WebPkiSupportedAlgorithms) -> Vec<SignatureScheme> {
    let supported = supported.supported_schemes();
    let mut schemes: Vec<_> = ORDER.into_iter().filter(|one| supported.contains(one)).collect();
    schemes.extend(supported.into_iter().filter(|one| !ORDER.contains(one)));
    schemes
}

/// What is remembered of one handshake.
#[derive(Debug, Default)]
pub struct Record {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    own: Option<Signature>,
    peer: Option<Signature>,
    failed: bool,
}

impl Record {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// We sign by this scheme, with the key of this certificate.
    pub fn signs(&self, scheme: SignatureScheme, certificate: Option<&CertificateDer<'_>>) {
        let key = certificate.and_then(|own| Certificate::parse(own)).unwrap_or_default().key;
        self.inner().own = Some(signature(scheme, key));
    }

    /// Checks the peer's signature over `message`; the verdict is kept.
    pub fn check(
        &self,
        supported: &WebPkiSupportedAlgorithms,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> bool {
        let parsed = Certificate::parse(certificate);
        let proven = parsed
            .as_ref()
            .is_some_and(|parsed| is_proven(supported, message, &parsed.public_key, signed));
        let mut inner = self.inner();
        inner.failed |= !proven;
        if let Some(parsed) = parsed {
            inner.peer = Some(signature(signed.scheme, key_kind_of(&parsed.public_key)));
        }
        proven
    }

    /// Whether the peer has shown a certificate without having its key.
    pub fn has_failed(&self) -> bool {
        self.inner().failed
    }

    /// How we signed, and how the peer did.
    pub fn signatures(&self) -> (Option<Signature>, Option<Signature>) {
        let inner = self.inner();
        (inner.own.clone(), inner.peer.clone())
    }
}

fn is_proven(
    supported: &WebPkiSupportedAlgorithms,
    message: &[u8],
    public_key: &[u8],
    signed: &DigitallySignedStruct,
) -> bool {
    let key = SubjectPublicKeyInfoDer::from(public_key);
    let Ok(key) = webpki::RawPublicKeyEntity::try_from(&key) else { return false };
    // TLS 1.2 does not say which curve goes with which digest: each that may be meant is tried.
    let meant = supported.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme);
    meant
        .flat_map(|(_, algorithms)| algorithms.iter())
        .any(|algorithm| key.verify_signature(*algorithm, message, signed.signature()).is_ok())
}

fn signature(scheme: SignatureScheme, key: KeyKind) -> Signature {
    let (name, digest) = match scheme {
        SignatureScheme::ED25519 => ("ED25519", ""),
        SignatureScheme::ED448 => ("ED448", ""),
        SignatureScheme::ECDSA_NISTP256_SHA256 => ("ECDSA", "SHA256"),
        SignatureScheme::ECDSA_NISTP384_SHA384 => ("ECDSA", "SHA384"),
        SignatureScheme::ECDSA_NISTP521_SHA512 => ("ECDSA", "SHA512"),
        SignatureScheme::RSA_PSS_SHA256 | SignatureScheme::RSA_PKCS1_SHA256 => {
            ("RSA-PSS", "SHA256")
        }
        SignatureScheme::RSA_PSS_SHA384 | SignatureScheme::RSA_PKCS1_SHA384 => {
            ("RSA-PSS", "SHA384")
        }
        SignatureScheme::RSA_PSS_SHA512 | SignatureScheme::RSA_PKCS1_SHA512 => {
            ("RSA-PSS", "SHA512")
        }
        SignatureScheme::ML_DSA_44 => ("ML-DSA-44", ""),
        SignatureScheme::ML_DSA_65 => ("ML-DSA-65", ""),
        SignatureScheme::ML_DSA_87 => ("ML-DSA-87", ""),
        _ => ("UNDEF", ""),
    };
    let detail = match key {
        KeyKind::Rsa(bits) => format!("{bits} bits"),
        KeyKind::Ec(curve) => curve.to_owned(),
        KeyKind::Ed25519 | KeyKind::Other => String::new(),
    };
    Signature { name, detail, digest }
}
