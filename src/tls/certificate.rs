//! What a certificate says: names, key, digests. Reads bytes from strangers; nothing here decides
//! whether to believe them.

use std::fmt::Write as _;

use sha2::Digest as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::Any;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
    OID_PKCS1_RSAENCRYPTION, OID_PKCS1_RSASSAPSS, OID_SIG_ED25519,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name};

/// Longest name that is shown.
const NAME_MAX: usize = 255;

/// A digest algorithm for fingerprints (`smtpd_tls_fingerprint_digest`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names of the algorithms")]
pub enum DigestKind {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl DigestKind {
    /// Parses a name in any case.
    pub fn parse(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "md5" => Some(Self::Md5),
            "sha1" | "sha" | "sha-1" => Some(Self::Sha1),
            "sha224" | "sha2-224" | "sha-224" => Some(Self::Sha224),
            "sha256" | "sha2-256" | "sha-256" => Some(Self::Sha256),
            "sha384" | "sha2-384" | "sha-384" => Some(Self::Sha384),
            "sha512" | "sha2-512" | "sha-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The digest of some bytes.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => md5::Md5::digest(bytes).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            Self::Sha224 => sha2::Sha224::digest(bytes).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        }
    }

    /// The digest as tables have it: `AA:BB:…`.
    pub fn fingerprint(self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(192);
        for (at, byte) in self.of(bytes).iter().enumerate() {
            let colon = if at > 0 { ":" } else { "" };
            let _ = write!(text, "{colon}{byte:02X}");
        }
        text
    }
}

/// What is read from a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Common name of the subject, if it can be shown.
    pub subject: Option<String>,
    /// Common name of the issuer, or else its organization.
    pub issuer: Option<String>,
    /// The whole subject, as `/C=…/O=…/CN=…`.
    pub subject_line: String,
    /// The whole issuer.
    pub issuer_line: String,
    /// Subject and issuer are the same.
    pub self_issued: bool,
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    /// What kind of key that is.
    pub key: KeyKind,
    /// Names of hosts (subjectAltName).
    pub dns_names: Vec<String>,
    /// Valid from, seconds since 1970.
    pub not_before: i64,
    /// Valid until, seconds since 1970.
    pub not_after: i64,
}

/// A kind of public key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of so many bits.
    Rsa(usize),
    /// A curve by OpenSSL's name.
    Ec(&'static str),
    /// Ed25519
    Ed25519,
    /// Something else.
    #[default]
    Other,
}

impl Certificate {
    /// Reads a certificate; none if it is no certificate.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let tbs = &certificate.tbs_certificate;
        let issuer = common_name(&tbs.issuer).or_else(|| {
            tbs.issuer.iter_organization().next().and_then(|name| shown(name.attr_value()))
        });
        Some(Self {
            subject: common_name(&tbs.subject),
            issuer,
            subject_line: one_line(&tbs.subject),
            issuer_line: one_line(&tbs.issuer),
            self_issued: tbs.subject.as_raw() == tbs.issuer.as_raw(),
            public_key: tbs.subject_pki.raw.to_vec(),
            key: key_kind(&tbs.subject_pki),
            dns_names: dns_names(&certificate),
            not_before: tbs.validity.not_before.timestamp(),
            not_after: tbs.validity.not_after.timestamp(),
        })
    }

    /// The names that a server may have by this certificate: subjectAltName, or without one the
    /// common name (RFC 6125 section 6.4.4).
    pub fn server_names(&self) -> Vec<&str> {
        if self.dns_names.is_empty() {
            return self.subject.as_deref().into_iter().collect();
        }
        self.dns_names.iter().map(String::as_str).collect()
    }
}

/// Whether bytes are a certificate, and nothing stands after it.
pub fn is_whole(der: &[u8]) -> bool {
    X509Certificate::from_der(der).is_ok_and(|(rest, _)| rest.is_empty())
}

/// The name of who issued a certificate, DER.
pub fn issuer_name(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.tbs_certificate.issuer.as_raw().to_vec())
}

/// The kind of a key from its SubjectPublicKeyInfo.
pub fn key_kind_of(public_key: &[u8]) -> KeyKind {
    SubjectPublicKeyInfo::from_der(public_key)
        .map_or(KeyKind::Other, |(_, parsed)| key_kind(&parsed))
}

fn key_kind(key: &SubjectPublicKeyInfo<'_>) -> KeyKind {
    let algorithm = &key.algorithm;
    if algorithm.algorithm == OID_PKCS1_RSAENCRYPTION || algorithm.algorithm == OID_PKCS1_RSASSAPSS
    {
        return match key.parsed() {
            Ok(PublicKey::RSA(rsa)) => KeyKind::Rsa(rsa.key_size()),
            _ => KeyKind::Other,
        };
    }
    if algorithm.algorithm == OID_SIG_ED25519 {
        return KeyKind::Ed25519;
    }
    if algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY {
        return KeyKind::Other;
    }
    match algorithm.parameters.as_ref().and_then(|curve| curve.as_oid().ok()) {
        Some(curve) if curve == OID_EC_P256 => KeyKind::Ec("prime256v1"),
        Some(curve) if curve == OID_NIST_EC_P384 => KeyKind::Ec("secp384r1"),
        Some(curve) if curve == OID_NIST_EC_P521 => KeyKind::Ec("secp521r1"),
        _ => KeyKind::Other,
    }
}

fn dns_names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        // One with a NUL in it is an attempt to be taken for another.
        GeneralName::DNSName(name)
            if !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Some((*name).to_owned())
        }
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn common_name(name: &X509Name<'_>) -> Option<String> {
    name.iter_common_name().next().and_then(|name| shown(name.attr_value()))
}

/// A name as text, unless it could deceive whoever reads it.
fn shown(value: &Any<'_>) -> Option<String> {
    let text = text_of(value)?;
    let text = text.trim_end_matches('\0');
    let plain = text.chars().all(|c| !c.is_control()) && text.len() <= NAME_MAX;
    (plain && !text.is_empty()).then(|| text.to_owned())
}

fn text_of(value: &Any<'_>) -> Option<String> {
    use x509_parser::der_parser::asn1_rs::Tag;
    match value.tag() {
        Tag::BmpString => {
            let units = value.data.chunks_exact(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0,
            });
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        Tag::T61String => Some(value.data.iter().map(|byte| char::from(*byte)).collect()),
        _ => std::str::from_utf8(value.data).ok().map(str::to_owned),
    }
}

/// A name in the one-line form of OpenSSL: `/C=DE/O=Example/CN=mx.example.com`.
fn one_line(name: &X509Name<'_>) -> String {
    let mut line = String::new();
    for attribute in name.iter_attributes() {
        let kind = x509_parser::objects::oid2abbrev(
            attribute.attr_type(),
            x509_parser::objects::oid_registry(),
        );
        let kind = kind.map_or_else(|_| attribute.attr_type().to_id_string(), str::to_owned);
        let text = text_of(attribute.attr_value()).unwrap_or_default();
        let text: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let _ = write!(line, "/{kind}={text}");
    }
    line.truncate(line.floor_char_boundary(NAME_MAX));
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn digests() {
        assert_eq!(
            DigestKind::parse("MD5").unwrap().fingerprint(b""),
            "D4:1D:8C:D9:8F:00:B2:04:E9:80:09:98:EC:F8:42:7E"
        );
        assert_eq!(DigestKind::parse("sha256").unwrap().of(b"").len(), 32);
        assert_eq!(DigestKind::parse("sha3"), None);
    }

    #[test]
    fn a_certificate_is_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(vec!["mx.example.com".into()]).unwrap();
        let name = &mut wanted.distinguished_name;
        name.push(rcgen::DnType::OrganizationName, "Example");
        name.push(rcgen::DnType::CommonName, "mail");
        let certificate = wanted.self_signed(&key).unwrap();
        let read = Certificate::parse(certificate.der()).unwrap();
        assert_eq!(read.subject.as_deref(), Some("mail"));
        assert!(read.self_issued);
        assert_eq!(read.dns_names, ["mx.example.com"]);
        assert_eq!(read.key, KeyKind::Ec("prime256v1"));
        assert!(read.subject_line.contains("/O=Example") && read.subject_line.contains("/CN=mail"));
        assert_eq!(key_kind_of(&read.public_key), read.key);
    }

    #[test]
    fn names_that_deceive_are_not_shown() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut wanted = rcgen::CertificateParams::new(Vec::new()).unwrap();
        wanted.distinguished_name.push(rcgen::DnType::CommonName, "good.example\0.evil.example");
        let certificate = wanted.self_signed(&key).unwrap();
        assert_eq!(Certificate::parse(certificate.der()).unwrap().subject, None);
    }

    proptest! {
        #[test]
        fn garbage_is_no_certificate(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Certificate::parse(&bytes);
            let _ = key_kind_of(&bytes);
        }
    }
}
