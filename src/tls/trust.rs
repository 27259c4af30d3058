//! Certification authorities, and whether a chain of certificates leads to one of them.
//!
//! Nothing here ends a handshake: Postfix goes on with peers that it cannot verify, and tells
//! the log and its access checks.

use std::collections::HashSet;
use std::path::Path;
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};

use super::authority_leaf;
use super::certificate::Certificate;
use super::facts::Trouble;
use crate::config::why;

/// What a certificate is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A client shows it.
    Client,
    /// A server shows it.
    Server,
}

/// Authorities that are trusted.
#[derive(Clone, Debug, Default)]
pub struct Authorities {
    anchors: Vec<TrustAnchor<'static>>,
    /// All certificates as they stand in the files: one that is listed itself is trusted too.
    listed: HashSet<Vec<u8>>,
}

/// Why a certificate is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distrust {
    /// Nobody but itself vouches for it.
    SelfSigned,
    /// It was issued by somebody unknown.
    Issuer(String),
    /// Its time has not come.
    NotYetValid,
    /// Its time is over.
    Expired,
    /// It is not for this purpose.
    Purpose,
    /// Too many issuers between it and the authority.
    TooLong(usize),
    /// It is not what a policy lists.
    Policy,
    /// Something else.
    Other(String),
}

impl From<&Distrust> for Trouble {
    fn from(distrust: &Distrust) -> Self {
        match distrust {
            Distrust::SelfSigned => Self::SelfSigned,
            Distrust::Issuer(_) => Self::Issuer,
            Distrust::Expired => Self::Expired,
            Distrust::Policy => Self::Policy,
            Distrust::NotYetValid
            | Distrust::Purpose
            | Distrust::TooLong(_)
            | Distrust::Other(_) => Self::Other,
        }
    }
}

impl Distrust {
    /// The log line.
    pub fn line(&self, peer: &str, purpose: Purpose) -> String {
        let kind = if purpose == Purpose::Client { "client" } else { "server" };
        match self {
            Self::SelfSigned => {
                format!("certificate verification failed for {peer}: self-signed certificate")
            }
            Self::Issuer(issuer) => {
                format!("certificate verification failed for {peer}: untrusted issuer {issuer}")
            }
            Self::NotYetValid => format!(
                "{kind} certificate verification failed for {peer}: certificate not yet valid"
            ),
            Self::Expired => {
                format!(
                    "{kind} certificate verification failed for {peer}: certificate has expired"
                )
            }
            Self::Purpose => format!(
                "certificate verification failed for {peer}: not designated for use as a {kind} \
                 certificate"
            ),
            Self::TooLong(limit) => format!(
                "certificate verification failed for {peer}: certificate chain longer than \
                 limit({limit})"
            ),
            Self::Policy => format!(
                "{kind} certificate verification failed for {peer}: num=65:no matching DANE TLSA \
                 records"
            ),
            Self::Other(text) => {
                format!("{kind} certificate verification failed for {peer}: {text}")
            }
        }
    }
}

impl Authorities {
    /// Reads `…_tls_CAfile` and `…_tls_CApath`, and those of the system if they are wanted too.
    pub fn load(file: &str, path: &str, system: bool) -> Result<Self, String> {
        let mut authorities = Self::default();
        if !file.is_empty() {
            let bytes = std::fs::read(file).map_err(|e| format!("open {file}: {}", why(&e)))?;
            if authorities.add_pem(&bytes) == 0 {
                return Err(format!("{file} has no certificate"));
            }
        }
        if !path.is_empty() {
            authorities.add_folder(Path::new(path))?;
        }
        if system {
            for certificate in rustls_native_certs::load_native_certs().certs {
                authorities.add(&certificate);
            }
        }
        Ok(authorities)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }

    /// Adds the certificates of a PEM file; returns how many there were.
    pub fn add_pem(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(bytes).flatten() {
            self.add(&certificate);
            count += 1;
        }
        count
    }

    /// Adds one authority.
    pub fn add(&mut self, certificate: &CertificateDer<'_>) {
        if self.listed.insert(certificate.to_vec())
            && let Ok(anchor) = webpki::anchor_from_trusted_cert(certificate)
        {
            self.anchors.push(anchor.to_owned());
        }
    }

    /// Adds one that is nothing but a name and a key.
    pub fn add_anchor(&mut self, anchor: TrustAnchor<'static>) {
        self.anchors.push(anchor);
    }

    /// A folder as `openssl rehash` leaves it: files named by a hash.
    fn add_folder(&mut self, folder: &Path) -> Result<(), String> {
        let entries = std::fs::read_dir(folder)
            .map_err(|e| format!("open {}: {}", folder.display(), why(&e)))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let hashed = name.to_str().and_then(|name| name.split_once('.')).is_some_and(
                |(hash, number)| {
                    hash.len() == 8
                        && hash.bytes().all(|b| b.is_ascii_hexdigit())
                        && !number.is_empty()
                        && number.bytes().all(|b| b.is_ascii_digit())
                },
            );
            if hashed && let Ok(bytes) = std::fs::read(entry.path()) {
                self.add_pem(&bytes);
            }
        }
        Ok(())
    }

    /// Whether a chain, the peer's own certificate first, leads to an authority over at most
    /// `depth + 1` others that are not trusted themselves.
    pub fn verify(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
        depth: usize,
    ) -> Result<(), Distrust> {
        self.path(chain, purpose, depth).map(drop)
    }

    /// The same; how many issuers there are up to the authority.
    pub fn path(
        &self,
        chain: &[CertificateDer<'_>],
        purpose: Purpose,
        depth: usize,
    ) -> Result<usize, Distrust> {
        let Some((own, issuers)) = chain.split_first() else {
            return Err(Distrust::Other("no certificate".into()));
        };
        let parsed = Certificate::parse(own);
        if self.listed.contains(own.as_ref())
            && let Some(parsed) = &parsed
            && parsed.self_issued
        {
            return is_valid_now(parsed).map(|()| 0);
        }
        if authority_leaf::is_authority(own) {
            return authority_leaf::path(chain, &self.anchors, purpose, depth + 1);
        }
        let certificate =
            webpki::EndEntityCert::try_from(own).map_err(|e| distrust(&e, parsed.as_ref()))?;
        let usage = match purpose {
            Purpose::Client => webpki::KeyUsage::client_auth(),
            Purpose::Server => webpki::KeyUsage::server_auth(),
        };
        let path = certificate
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &self.anchors,
                issuers,
                UnixTime::now(),
                usage,
                None,
                None,
            )
            .map_err(|e| distrust(&e, parsed.as_ref()))?;
        let between = path.intermediate_certificates().count();
        // Postfix gives OpenSSL one more than `…_verifydepth` says, and there authorities that are
        // trusted do not count.
        if between > depth + 1 { Err(Distrust::TooLong(depth + 1)) } else { Ok(between + 1) }
    }
}

/// Whether its time has come and is not over.
pub(super) fn is_valid_now(certificate: &Certificate) -> Result<(), Distrust> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < certificate.not_before {
        Err(Distrust::NotYetValid)
    } else if now > certificate.not_after {
        Err(Distrust::Expired)
    } else {
        Ok(())
    }
}

fn distrust(error: &webpki::Error, certificate: Option<&Certificate>) -> Distrust {
    use webpki::Error;
    match error {
        Error::CertExpired { .. } => Distrust::Expired,
        Error::CertNotValidYet { .. } => Distrust::NotYetValid,
        Error::RequiredEkuNotFoundContext(_) => Distrust::Purpose,
        // It ends before it begins.
        Error::InvalidCertValidity => certificate
            .map_or(Ok(()), is_valid_now)
            .err()
            .unwrap_or_else(|| Distrust::Other(error.to_string())),
        _ if certificate.is_some_and(|certificate| certificate.self_issued) => Distrust::SelfSigned,
        Error::UnknownIssuer => Distrust::Issuer(
            certificate.map_or_else(|| "<unknown>".into(), |c| c.issuer_line.clone()),
        ),
        other => Distrust::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    };

    struct Family {
        root: CertificateDer<'static>,
        leaf: CertificateDer<'static>,
    }

    fn family(change: impl FnOnce(&mut CertificateParams)) -> Family {
        let root_key = KeyPair::generate().unwrap();
        let mut root = CertificateParams::new(Vec::new()).unwrap();
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.distinguished_name.push(rcgen::DnType::CommonName, "root");
        let root_certificate = root.self_signed(&root_key).unwrap();
        let issuer = Issuer::new(root, root_key);
        let mut leaf = CertificateParams::new(vec!["mx.example.com".into()]).unwrap();
        change(&mut leaf);
        let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        Family { root: root_certificate.der().clone(), leaf: leaf.der().clone() }
    }

    fn trusting(certificate: &CertificateDer<'_>) -> Authorities {
        let mut authorities = Authorities::default();
        authorities.add(certificate);
        authorities
    }

    #[test]
    fn a_chain_leads_to_its_root() {
        let Family { root, leaf } = family(|_| {});
        let authorities = trusting(&root);
        let chain = [leaf];
        assert_eq!(authorities.verify(&chain, Purpose::Server, 9), Ok(()));
        assert_eq!(authorities.verify(&chain, Purpose::Client, 9), Ok(()));
        assert_eq!(authorities.verify(&chain, Purpose::Server, 0), Ok(()));
        let nobody = Authorities::default().verify(&chain, Purpose::Server, 9);
        assert!(matches!(nobody, Err(Distrust::Issuer(issuer)) if issuer.contains("CN=root")));
    }

    #[test]
    fn purposes_and_times_count() {
        let Family { root, leaf } =
            family(|leaf| leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
        assert_eq!(trusting(&root).verify(&[leaf], Purpose::Client, 9), Err(Distrust::Purpose));
        let Family { root, leaf } =
            family(|leaf| leaf.not_after = rcgen::date_time_ymd(2001, 1, 1));
        assert_eq!(trusting(&root).verify(&[leaf], Purpose::Server, 9), Err(Distrust::Expired));
    }

    #[test]
    fn a_listed_certificate_is_trusted_itself() {
        let key = KeyPair::generate().unwrap();
        let mut own = CertificateParams::new(vec!["mx.example.com".into()]).unwrap();
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = own.self_signed(&key).unwrap().der().clone();
        assert_eq!(trusting(&own).verify(std::slice::from_ref(&own), Purpose::Server, 9), Ok(()));
        let nobody = Authorities::default().verify(&[own], Purpose::Server, 9);
        assert_eq!(nobody, Err(Distrust::SelfSigned));
    }

    #[test]
    fn garbage_is_not_trusted() {
        let garbage = CertificateDer::from(b"garbage".to_vec());
        let verdict = Authorities::default().verify(&[garbage], Purpose::Client, 9);
        assert!(matches!(verdict, Err(Distrust::Other(_))));
        assert!(Authorities::default().verify(&[], Purpose::Client, 9).is_err());
    }
}
