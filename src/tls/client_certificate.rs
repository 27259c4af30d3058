//! Asking clients for certificates: any is taken, none is fine, and nothing that is wrong with one
//! ends the handshake. What it is worth is decided afterwards.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::proof::{self, Record};

/// Asks in one handshake.
#[derive(Debug)]
pub struct Asking {
    supported: WebPkiSupportedAlgorithms,
    record: Arc<Record>,
}

impl Asking {
    /// What is found out goes into `record`.
    pub fn new(provider: &CryptoProvider, record: Arc<Record>) -> Self {
        Self { supported: provider.signature_verification_algorithms, record }
    }

    /// A proof that fails is remembered: then there is no certificate as far as anybody cares.
    fn note(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> HandshakeSignatureValid {
        self.record.check(&self.supported, message, certificate, signed);
        HandshakeSignatureValid::assertion()
    }
}

impl ClientCertVerifier for Asking {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// No hints: clients would keep certificates of other authorities to themselves.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.note(message, certificate, signed))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.note(message, certificate, signed))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        proof::schemes(&self.supported)
    }
}
