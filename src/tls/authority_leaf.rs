//! Chains that begin with an authority: servers whose own certificate may issue others (CA:TRUE).
//!
//! webpki refuses such a certificate as a server's. OpenSSL, and so Postfix, takes it, and small
//! authorities have made many. Here the path is followed for these alone, and strictly: whoever
//! signs has to be an authority whose time has come and is not over, that may sign, and over no
//! more others than it says. What is critical and not understood, and constraints on names, end
//! the path.

use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer, TrustAnchor};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::certificate::Certificate;
use super::trust::{Distrust, Purpose, is_valid_now};

/// Whether a certificate says that it may issue others.
pub(super) fn is_authority(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(_, certificate)| certificate.is_ca())
}

/// How many issuers there are from the first certificate of a chain up to an anchor; `most` of
/// them, the anchor not among them.
pub(super) fn path(
    chain: &[CertificateDer<'_>],
    anchors: &[TrustAnchor<'static>],
    purpose: Purpose,
    most: usize,
) -> Result<usize, Distrust> {
    let parsed: Vec<X509Certificate<'_>> =
        chain.iter().map_while(|der| Some(X509Certificate::from_der(der).ok()?.1)).collect();
    let Some(mut current) = parsed.first() else {
        return Err(Distrust::Other("no certificate".into()));
    };
    is_for(current, purpose)?;
    for between in 0..=most {
        check(current)?;
        if anchors.iter().any(|anchor| is_signed_by_anchor(current, anchor)) {
            return Ok(between + 1);
        }
        let issuer = parsed.iter().skip(1).find(|issuer| {
            issuer.subject().as_raw() == current.issuer().as_raw()
                && may_sign(issuer, between)
                && is_signed(current, issuer.public_key().raw)
        });
        let Some(issuer) = issuer else {
            return Err(unknown_issuer(current));
        };
        current = issuer;
    }
    Err(Distrust::TooLong(most))
}

fn unknown_issuer(certificate: &X509Certificate<'_>) -> Distrust {
    if certificate.subject().as_raw() == certificate.issuer().as_raw() {
        return Distrust::SelfSigned;
    }
    let line = Certificate::parse(certificate.as_raw()).map(|parsed| parsed.issuer_line);
    Distrust::Issuer(line.unwrap_or_else(|| "<unknown>".into()))
}

/// What has to be true of each certificate on the path.
fn check(certificate: &X509Certificate<'_>) -> Result<(), Distrust> {
    is_valid_now(&Certificate::parse(certificate.as_raw()).unwrap_or_default())?;
    for extension in certificate.extensions() {
        match extension.parsed_extension() {
            ParsedExtension::NameConstraints(_) => {
                return Err(Distrust::Other("constraints on names of an authority".into()));
            }
            ParsedExtension::UnsupportedExtension { .. } | ParsedExtension::ParseError { .. }
                if extension.critical =>
            {
                return Err(Distrust::Other("unhandled critical extension".into()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether the extended key usage, where there is one, names the purpose.
fn is_for(certificate: &X509Certificate<'_>, purpose: Purpose) -> Result<(), Distrust> {
    match certificate.extended_key_usage() {
        Ok(None) => Ok(()),
        Ok(Some(usage)) => {
            let named = match purpose {
                Purpose::Client => usage.value.client_auth,
                Purpose::Server => usage.value.server_auth,
            };
            if named { Ok(()) } else { Err(Distrust::Purpose) }
        }
        Err(error) => Err(Distrust::Other(error.to_string())),
    }
}

/// Whether a certificate may sign another one, with so many between it and the server's own.
fn may_sign(issuer: &X509Certificate<'_>, between: usize) -> bool {
    let constraints = issuer.basic_constraints().ok().flatten();
    let is_authority = constraints.is_some_and(|constraints| {
        let most = constraints.value.path_len_constraint;
        constraints.value.ca && most.is_none_or(|most| between <= most as usize)
    });
    let signs = match issuer.key_usage() {
        Ok(None) => true,
        Ok(Some(usage)) => usage.value.key_cert_sign(),
        Err(_) => false,
    };
    is_authority && signs
}

fn is_signed_by_anchor(certificate: &X509Certificate<'_>, anchor: &TrustAnchor<'_>) -> bool {
    anchor.name_constraints.is_none()
        && sequence(&anchor.subject) == certificate.issuer().as_raw()
        && is_signed(certificate, &sequence(&anchor.subject_public_key_info))
}

/// Whether the key (SubjectPublicKeyInfo, DER) has signed the certificate. Each algorithm is tried:
/// one that does not fit the key is refused by webpki.
fn is_signed(certificate: &X509Certificate<'_>, key: &[u8]) -> bool {
    let key = SubjectPublicKeyInfoDer::from(key);
    let Ok(key) = webpki::RawPublicKeyEntity::try_from(&key) else { return false };
    let (text, signature) =
        (certificate.tbs_certificate.as_ref(), &*certificate.signature_value.data);
    webpki::ALL_VERIFICATION_ALGS
        .iter()
        .any(|algorithm| key.verify_signature(*algorithm, text, signature).is_ok())
}

/// A DER sequence with that in it: anchors have names and keys without the sequence around them.
fn sequence(content: &[u8]) -> Vec<u8> {
    let mut der = vec![0x30];
    match u8::try_from(content.len()) {
        Ok(length @ 0..=0x7f) => der.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            der.push(0x80 | u8::try_from(digits.len()).unwrap_or(0x7f));
            der.extend(digits);
        }
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::super::trust::Authorities;
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
        KeyPair, KeyUsagePurpose,
    };

    fn authority(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(vec!["mx.example.com".into()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    /// A root, one below it, and a server's certificate that is an authority; the server's first.
    fn chain(
        change: impl FnOnce(&mut CertificateParams, &mut CertificateParams),
    ) -> Vec<CertificateDer<'static>> {
        let keys: Vec<KeyPair> = (0..3).map(|_| KeyPair::generate().unwrap()).collect();
        let [root_key, middle_key, own_key] = <[KeyPair; 3]>::try_from(keys).unwrap();
        let (root, mut middle, mut own) = (authority("root"), authority("middle"), authority("mx"));
        change(&mut middle, &mut own);
        let root_der = root.self_signed(&root_key).unwrap().der().clone();
        let root = Issuer::new(root, root_key);
        let middle_der = middle.signed_by(&middle_key, &root).unwrap().der().clone();
        let middle = Issuer::new(middle, middle_key);
        vec![own.signed_by(&own_key, &middle).unwrap().der().clone(), middle_der, root_der]
    }

    fn verdict(chain: &[CertificateDer<'static>], trusted: usize) -> Result<usize, Distrust> {
        let mut authorities = Authorities::default();
        authorities.add(&chain[trusted]);
        authorities.path(chain, Purpose::Server, 9)
    }

    #[test]
    fn a_server_may_be_an_authority() {
        let good = chain(|_, _| {});
        assert_eq!(verdict(&good, 2), Ok(2));
        assert_eq!(verdict(&good, 1), Ok(1));
        assert_eq!(verdict(&good[..2], 1), Ok(1));
        let stranger = chain(|_, _| {});
        let mut authorities = Authorities::default();
        authorities.add(&stranger[2]);
        let refused = authorities.path(&good[..2], Purpose::Server, 9);
        assert!(matches!(refused, Err(Distrust::Issuer(_))), "{refused:?}");
        let mixed = vec![good[0].clone(), stranger[1].clone(), stranger[2].clone()];
        assert!(verdict(&mixed, 2).is_err(), "the name is right, the signature is not");
    }

    #[test]
    fn those_above_it_have_to_be_what_they_say() {
        let expired = chain(|middle, _| middle.not_after = rcgen::date_time_ymd(2001, 1, 1));
        assert_eq!(verdict(&expired, 2), Err(Distrust::Expired));
        let own_expired = chain(|_, own| own.not_after = rcgen::date_time_ymd(2001, 1, 1));
        assert_eq!(verdict(&own_expired, 1), Err(Distrust::Expired));
        let plain = chain(|middle, _| middle.is_ca = IsCa::ExplicitNoCa);
        assert!(verdict(&plain, 2).is_err());
        let silent = chain(|middle, _| middle.key_usages = vec![KeyUsagePurpose::DigitalSignature]);
        assert!(verdict(&silent, 2).is_err());
        let client = chain(|_, own| {
            own.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        assert_eq!(verdict(&client, 2), Err(Distrust::Purpose));
    }

    #[test]
    fn too_many_between_are_too_many() {
        let good = chain(|_, _| {});
        let mut authorities = Authorities::default();
        authorities.add(&good[2]);
        let anchors = authorities.path(&good, Purpose::Server, 0);
        assert_eq!(anchors, Ok(2), "Postfix allows one more than it says");
    }

    #[test]
    fn lengths_of_sequences() {
        assert_eq!(sequence(b"a"), b"\x30\x01a");
        assert!(sequence(&[0; 200]).starts_with(b"\x30\x81\xc8\0"));
        assert!(sequence(&[0; 300]).starts_with(b"\x30\x82\x01\x2c\0"));
    }
}
