//! What rustls asks during a handshake: whether the server may go on, and which of our certificates it gets.

use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::super::proof::{self, Record};
use super::super::remote::Keys;

tokio::task_local! {
    /// Of the handshake that the task is at. A session is only resumed under the very verifier and
    /// resolver that it began under, so these are made once, and find out here for whom they work.
    pub(super) static RECORD: Arc<Record>;
}

/// Takes any certificate, and remembers whether the server has its key.
#[derive(Debug)]
pub(super) struct Checking {
    pub(super) supported: WebPkiSupportedAlgorithms,
}

impl Checking {
    fn note(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        RECORD
            .try_with(|record| record.check(&self.supported, message, certificate, signed))
            .map(|_| HandshakeSignatureValid::assertion())
            .map_err(|_| Error::General("a handshake without a record".into()))
    }
}

impl ServerCertVerifier for Checking {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        proof::schemes(&self.supported)
    }
}

/// Our own certificates, for servers that ask.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) keys: Keys,
}

impl ResolvesClientCert for Own {
    /// Hints of acceptable issuers are passed over, as OpenSSL does: better the wrong certificate
    /// than none.
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        for scheme in schemes {
            let one = [*scheme];
            if let Some(key) = self.keys.iter().find(|key| key.key.choose_scheme(&one).is_some()) {
                let _ = RECORD.try_with(|record| record.signs(*scheme, key.cert.first()));
                return Some(key.clone());
            }
        }
        None
    }

    fn has_certs(&self) -> bool {
        !self.keys.is_empty()
    }
}
