//! Certificates with their private keys, read from PEM. Only tlsmgr does this: nobody else ever
//! has a key in memory.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::SigningKey;
use sha2::Digest as _;

use super::certificate::Certificate;
use crate::config::{split_list, why};
use crate::ipc::tls::{Chain, IdentityFiles, KeyId, Pair};

/// A chain and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// What everybody may know.
    pub chain: Chain,
    /// What nobody may know.
    pub key: Arc<dyn SigningKey>,
}

/// The schemes that keys sign by, asked of each key.
const SCHEMES: [SignatureScheme; 13] = [
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
    SignatureScheme::ML_DSA_44,
    SignatureScheme::ML_DSA_65,
    SignatureScheme::ML_DSA_87,
];

/// The name of a key.
pub fn key_id(public_key: &[u8]) -> KeyId {
    sha2::Sha256::digest(public_key).into()
}

/// Reads the chains of a service. With any complaint there is no TLS, as in Postfix; several
/// lines of one complaint belong together.
pub fn load(files: &IdentityFiles) -> Result<Vec<Identity>, Vec<String>> {
    if files.chains.is_empty() {
        return files.pairs.iter().map(load_pair).collect();
    }
    let mut sequence = Sequence::new(files.chains.clone(), "disabling TLS support");
    for file in split_list(&files.chains) {
        match std::fs::read(file) {
            Ok(bytes) => sequence.add(file, &bytes)?,
            Err(e) => {
                let text = format!("error opening chain file: {file}: {}", why(&e));
                return Err(sequence.failed(text));
            }
        }
    }
    sequence.finish()
}

/// Reads a value of `tls_server_sni_maps`: keys, each before its certificates.
pub fn load_name(name: &str, pem: &[u8]) -> Result<Vec<Identity>, Vec<String>> {
    let mut sequence = Sequence::new(format!("SNI data for {name}"), "aborting TLS handshake");
    let source = sequence.origin.clone();
    sequence.add(&source, pem)?;
    sequence.finish()
}

fn load_pair(pair: &Pair) -> Result<Identity, Vec<String>> {
    let Pair { kind, certificates, key } = pair;
    if certificates == key {
        return load_mixed(certificates);
    }
    let no_certificate = |reason: String| {
        vec![
            format!(
                "cannot get {kind} certificate from file \"{certificates}\": disabling TLS support"
            ),
            format!("TLS library problem: {reason}"),
        ]
    };
    let no_key = |reason: String| {
        vec![
            format!("cannot get {kind} private key from file \"{key}\": disabling TLS support"),
            format!("TLS library problem: {reason}"),
        ]
    };
    let bytes = std::fs::read(certificates).map_err(|e| no_certificate(why(&e)))?;
    let chain: Vec<_> = sections(&bytes)
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| der)
        .collect();
    if chain.is_empty() {
        return Err(no_certificate("there is no certificate in it".into()));
    }
    let bytes = std::fs::read(key).map_err(|e| no_key(why(&e)))?;
    let private = sections(&bytes)
        .find_map(|(kind, der)| private_key(kind, der))
        .ok_or_else(|| no_key("there is no key in it that is not encrypted".into()))?;
    let private = any_supported_type(&private).map_err(|e| no_key(e.to_string()))?;
    join(chain, private).map_err(|problem| match problem {
        Unfit::NoCertificate => no_certificate("the first certificate cannot be read".into()),
        Unfit::Stranger => vec![format!(
            "{kind} private key in {key} does not match public key in {certificates}: \
             disabling TLS support"
        )],
    })
}

/// A file with certificates and their one key, in any order.
fn load_mixed(file: &str) -> Result<Identity, Vec<String>> {
    let bytes = std::fs::read(file)
        .map_err(|e| vec![format!("error opening chain file: {file}: {}", why(&e))])?;
    let mut sequence = Sequence::new(file.to_owned(), "disabling TLS support");
    let mut chain = Vec::new();
    let mut key = None;
    for (at, (kind, der)) in sections(&bytes).enumerate() {
        if kind == SectionKind::Certificate {
            chain.push(der);
        } else if let Some(found) = private_key(kind, der) {
            match key {
                None => key = Some((at + 1, found)),
                Some((first, _)) => sequence.complaints.push(format!(
                    "ignoring 2nd key at index {} in {file} after 1st at {first}",
                    at + 1
                )),
            }
        }
    }
    let Some((at, key)) = key else {
        let text = if chain.is_empty() { "No PEM data in" } else { "No private key found in" };
        return Err(sequence.failed(format!("{text} {file}")));
    };
    if chain.is_empty() {
        return Err(sequence.failed(format!("No certs for key at index {at} in {file}")));
    }
    let key = any_supported_type(&key).map_err(|_| {
        sequence.failed(format!("error loading private key (PEM object number {at}) from {file}"))
    })?;
    join(chain, key).map_err(|problem| {
        sequence.failed(match problem {
            Unfit::NoCertificate => {
                format!("error loading certificate (PEM object number 1) from {file}")
            }
            Unfit::Stranger => {
                format!("key at index {at} in {file} does not match next certificate")
            }
        })
    })
}

/// Keys and certificates one after the other, perhaps over several files.
struct Sequence {
    origin: String,
    consequence: &'static str,
    complaints: Vec<String>,
    done: Vec<Identity>,
    current: Option<Current>,
}

/// A key, and its certificates so far.
struct Current {
    key: Arc<dyn SigningKey>,
    place: usize,
    source: String,
    certificates: Vec<Vec<u8>>,
}

impl Sequence {
    fn new(origin: String, consequence: &'static str) -> Self {
        Self { origin, consequence, complaints: Vec::new(), done: Vec::new(), current: None }
    }

    fn failed(&mut self, text: String) -> Vec<String> {
        self.complaints.push(text);
        self.complaints.push(format!(
            "error loading private keys and certificates from: {}: {}",
            self.origin, self.consequence
        ));
        std::mem::take(&mut self.complaints)
    }

    fn add(&mut self, source: &str, bytes: &[u8]) -> Result<(), Vec<String>> {
        for (at, (kind, der)) in sections(bytes).enumerate() {
            let place = at + 1;
            if kind == SectionKind::Certificate {
                match &mut self.current {
                    Some(current) => current.certificates.push(der),
                    None => {
                        return Err(self
                            .failed(format!("error loading chain from {source}: key not first")));
                    }
                }
            } else if let Some(key) = private_key(kind, der) {
                self.close(false)?;
                let key = any_supported_type(&key).map_err(|_| {
                    self.failed(format!(
                        "error loading private key (PEM object number {place}) from {source}"
                    ))
                })?;
                let source = source.to_owned();
                self.current = Some(Current { key, place, source, certificates: Vec::new() });
            }
        }
        Ok(())
    }

    /// The certificates of the current key are complete. `last`: no other key follows.
    fn close(&mut self, last: bool) -> Result<(), Vec<String>> {
        let Some(Current { key, place, source, certificates }) = self.current.take() else {
            return Ok(());
        };
        if certificates.is_empty() {
            return Err(self.failed(format!(
                "error loading certificate chain: key at index {place} in {source} not followed \
                 by a certificate"
            )));
        }
        match join(certificates, key) {
            Ok(identity) => self.done.push(identity),
            Err(Unfit::NoCertificate) => {
                return Err(self.failed(format!(
                    "error loading certificate (PEM object number {}) from {source}",
                    place + 1
                )));
            }
            Err(Unfit::Stranger) if last => {
                let text =
                    format!("key at index {place} in {source} does not match next certificate");
                return Err(self.failed(text));
            }
            Err(Unfit::Stranger) => {
                return Err(self.failed(format!(
                    "error loading certificate chain: key at index {place} in {source} does not \
                     match the certificate"
                )));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<Identity>, Vec<String>> {
        match &self.current {
            Some(Current { place, source, certificates, .. }) if certificates.is_empty() => {
                let text = format!("No certs for key at index {place} in {source}");
                return Err(self.failed(text));
            }
            None => {
                let text = format!("No PEM data in {}", self.origin);
                return Err(self.failed(text));
            }
            Some(_) => {}
        }
        self.close(true)?;
        Ok(self.done)
    }
}

/// Why a key and certificates do not go together.
enum Unfit {
    /// The first certificate is none.
    NoCertificate,
    /// It is for another key.
    Stranger,
}

fn join(certificates: Vec<Vec<u8>>, key: Arc<dyn SigningKey>) -> Result<Identity, Unfit> {
    let own = certificates.first().and_then(|own| Certificate::parse(own));
    let public_key = own.ok_or(Unfit::NoCertificate)?.public_key;
    if key.public_key().is_none_or(|of_key| of_key.as_ref() != public_key.as_slice()) {
        return Err(Unfit::Stranger);
    }
    let signs = |scheme: &&SignatureScheme| key.choose_scheme(&[**scheme]).is_some();
    let chain = Chain {
        certificates,
        key: key_id(&public_key),
        algorithm: key.algorithm().into(),
        schemes: SCHEMES.iter().filter(signs).map(|scheme| u16::from(*scheme)).collect(),
        public_key,
    };
    Ok(Identity { chain, key })
}

/// The sections of a PEM file that are well-formed.
fn sections(bytes: &[u8]) -> impl Iterator<Item = (SectionKind, Vec<u8>)> {
    <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes).flatten()
}

fn private_key(kind: SectionKind, der: Vec<u8>) -> Option<PrivateKeyDer<'static>> {
    match kind {
        SectionKind::PrivateKey => Some(PrivatePkcs8KeyDer::from(der).into()),
        SectionKind::RsaPrivateKey => Some(PrivatePkcs1KeyDer::from(der).into()),
        SectionKind::EcPrivateKey => Some(PrivateSec1KeyDer::from(der).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair};

    fn pem(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let wanted = CertificateParams::new(vec!["mx.example.com".into()]).unwrap();
        (wanted.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn several_kinds_of_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chain.pem");
        let mut text = String::new();
        for algorithm in [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ED25519] {
            let (certificate, key) = pem(algorithm);
            text.push_str(&key);
            text.push_str(&certificate);
        }
        std::fs::write(&path, text).unwrap();
        let chains = path.to_str().unwrap().to_owned();
        let loaded = load(&IdentityFiles { chains, pairs: Vec::new() }).unwrap();
        let schemes: Vec<_> =
            loaded.iter().map(|identity| identity.chain.schemes.clone()).collect();
        assert_eq!(
            schemes,
            [
                vec![u16::from(SignatureScheme::ECDSA_NISTP256_SHA256)],
                vec![u16::from(SignatureScheme::ED25519)]
            ]
        );
    }

    #[test]
    fn mistakes_are_named() {
        let (certificate, key) = pem(&rcgen::PKCS_ECDSA_P256_SHA256);
        let (_, other_key) = pem(&rcgen::PKCS_ECDSA_P256_SHA256);
        let first = |text: String| load_name("a.example", text.as_bytes()).unwrap_err().remove(0);
        assert!(first(certificate.clone() + &key).ends_with("key not first"));
        assert!(first(other_key + &certificate).contains("does not match next certificate"));
        assert_eq!(first(key.clone()), "No certs for key at index 1 in SNI data for a.example");
        assert_eq!(first(String::new()), "No PEM data in SNI data for a.example");
        assert!(load_name("a.example", (key + &certificate).as_bytes()).is_ok());
    }

    #[test]
    fn pairs_and_mixed_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (certificate, key) = pem(&rcgen::PKCS_ECDSA_P256_SHA256);
        std::fs::write(path("cert"), &certificate).unwrap();
        std::fs::write(path("key"), &key).unwrap();
        std::fs::write(path("both"), certificate + &key).unwrap();
        let load = |certificates: &str, key: &str| {
            let pair =
                Pair { kind: "RSA".into(), certificates: path(certificates), key: path(key) };
            load(&IdentityFiles { chains: String::new(), pairs: vec![pair] })
        };
        assert_eq!(load("cert", "key").unwrap().len(), 1);
        assert_eq!(load("both", "both").unwrap().len(), 1);
        assert!(load("none", "key").unwrap_err()[0].starts_with("cannot get RSA certificate"));
        assert!(load("cert", "cert").unwrap_err()[0].starts_with("No private key found in"));
        assert!(load("cert", "none").unwrap_err()[0].starts_with("cannot get RSA private key"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = load_name("a.example", &bytes);
        }
    }
}
