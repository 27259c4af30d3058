//! Whether a server's certificates are what TLSA records say (RFC 6698, 7671): those of its
//! domain (RFC 7672), or such that stand for trust anchors of the configuration.
//!
//! The rules are those of OpenSSL, which are Postfix's.

use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::certificate::{self, Certificate, DigestKind};
use super::trust::{Authorities, Distrust, Purpose, is_valid_now};
use crate::config::why;
use crate::wire::tlsa::Tlsa;

/// A trust anchor (DANE-TA).
pub const ANCHOR: u8 = 2;
/// The server itself (DANE-EE).
pub const SERVER: u8 = 3;
/// The whole certificate.
const CERTIFICATE: u8 = 0;
/// The public key of the certificate.
const KEY: u8 = 1;
/// As it is, without a digest.
const FULL: u8 = 0;

/// The digests that may stand in records, the strongest first (`tls_dane_digests`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests(Vec<(u8, DigestKind)>);

/// What has vouched for a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The record.
    pub record: Tlsa,
    /// How many issuers away; zero is the server's own certificate.
    pub depth: usize,
    /// A key that is in no certificate has signed the one at that depth.
    pub bare_key: bool,
}

impl Digests {
    /// Parses `sha512 sha256`, or with numbers of matching types: `sha512=2, sha384=3, =1`. What
    /// comes with it is for the log.
    pub fn parse(text: &str) -> (Self, Vec<String>) {
        let mut digests = Self::default();
        let mut warnings = Vec::new();
        for word in text.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
            match digests.read(word) {
                Ok(()) => {}
                Err(complaint) => warnings.push(complaint),
            }
        }
        (digests, warnings)
    }

    fn read(&mut self, word: &str) -> Result<(), String> {
        let (name, number) = word.split_once('=').unwrap_or((word, ""));
        let number: Option<u8> = match number {
            "" => None,
            "0" | "255" => {
                return Err(format!("Reserved matching type number in tls_dane_digests: {word}"));
            }
            _ => Some(number.parse().map_err(|_| {
                format!("Invalid matching type number in tls_dane_digests: {word}")
            })?),
        };
        if name.is_empty() {
            return Ok(());
        }
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let number = match number {
            None if is("sha256") => 1,
            None if is("sha512") => 2,
            None => {
                return Err(format!(
                    "tls_dane_digests: digest algorithm {name} needs an explicit number"
                ));
            }
            Some(1) if !is("sha256") => {
                return Err("tls_dane_digests: matching type 1 can only be sha256".into());
            }
            Some(2) if !is("sha512") => {
                return Err("tls_dane_digests: matching type 2 can only be sha512".into());
            }
            Some(number) => number,
        };
        if self.0.iter().any(|(known, _)| *known == number) {
            return Err(format!(
                "tls_dane_digests: matching type {number} specified more than once"
            ));
        }
        let kind = DigestKind::parse(name).ok_or_else(|| {
            format!("tls_dane_digests: digest algorithm \"{name}\"({number}) unknown")
        })?;
        self.0.push((number, kind));
        Ok(())
    }

    fn kind(&self, matching: u8) -> Option<DigestKind> {
        self.0.iter().find(|(number, _)| *number == matching).map(|(_, kind)| *kind)
    }

    /// The lower the stronger.
    fn rank(&self, matching: u8) -> Option<usize> {
        self.0.iter().position(|(number, _)| *number == matching)
    }

    /// Whether anything can be done with a record: its numbers are known, a digest has the
    /// right length, a certificate or key can be read.
    pub fn can_use(&self, record: &Tlsa) -> bool {
        let Tlsa { usage, selector, matching, data } = record;
        if ![ANCHOR, SERVER].contains(usage) || ![CERTIFICATE, KEY].contains(selector) {
            return false;
        }
        match (*matching, *selector) {
            (FULL, CERTIFICATE) => certificate::is_whole(data),
            (FULL, _) => {
                SubjectPublicKeyInfo::from_der(data).is_ok_and(|(rest, _)| rest.is_empty())
            }
            (matching, _) => {
                self.kind(matching).is_some_and(|kind| kind.of(b"").len() == data.len())
            }
        }
    }

    /// The records that count: where there is a stronger digest for the same purpose, weaker ones
    /// do not (RFC 7671 section 9).
    fn strongest<'a>(&self, records: &'a [Tlsa]) -> Vec<&'a Tlsa> {
        let best = |one: &Tlsa| {
            let alike = |other: &&Tlsa| (other.usage, other.selector) == (one.usage, one.selector);
            records.iter().filter(alike).filter_map(|other| self.rank(other.matching)).min()
        };
        let counts = |record: &&Tlsa| {
            record.matching == FULL
                || self.rank(record.matching).is_some_and(|rank| Some(rank) == best(record))
        };
        records.iter().filter(counts).collect()
    }

    fn matches(&self, record: &Tlsa, certificate: &[u8], key: &[u8]) -> bool {
        let bytes = if record.selector == CERTIFICATE { certificate } else { key };
        match record.matching {
            FULL => record.data == bytes,
            matching => self.kind(matching).is_some_and(|kind| kind.of(bytes) == record.data),
        }
    }

    /// Whether records vouch for a chain, the server's own certificate first. Times and names of a
    /// certificate that is itself listed do not matter (RFC 7672 section 3.1.1); those of one
    /// that a listed authority has issued do, but the names are for the caller to look at.
    pub fn verify(
        &self,
        records: &[Tlsa],
        chain: &[CertificateDer<'_>],
        depth: usize,
    ) -> Result<Authority, Distrust> {
        let Some(own) = chain.first() else {
            return Err(Distrust::Other("no certificate".into()));
        };
        let records = self.strongest(records);
        let own_key = Certificate::parse(own).unwrap_or_default().public_key;
        let is_own =
            |record: &&&Tlsa| record.usage == SERVER && self.matches(record, own, &own_key);
        if let Some(record) = records.iter().find(is_own) {
            return Ok(Authority { record: (*record).clone(), depth: 0, bare_key: false });
        }
        let anchors: Vec<&Tlsa> = records.into_iter().filter(|r| r.usage == ANCHOR).collect();
        let mut refused = None;
        for issuer in chain.iter().skip(1).filter(|issuer| *issuer != own) {
            let parsed = Certificate::parse(issuer).unwrap_or_default();
            let is_issuer = |r: &&&Tlsa| self.matches(r, issuer, &parsed.public_key);
            let Some(record) = anchors.iter().find(is_issuer) else { continue };
            let mut authorities = Authorities::default();
            authorities.add(issuer);
            // OpenSSL looks at the time of a root, though not at that of another authority.
            let time = if parsed.self_issued { is_valid_now(&parsed) } else { Ok(()) };
            match time.and_then(|()| authorities.path(chain, Purpose::Server, depth)) {
                Ok(depth) => {
                    return Ok(Authority { record: (*record).clone(), depth, bare_key: false });
                }
                Err(distrust) => refused = refused.or(Some(distrust)),
            }
        }
        for record in anchors.into_iter().filter(|record| record.matching == FULL) {
            let authorities = unsent(record, chain);
            if let Ok(depth) = authorities.path(chain, Purpose::Server, depth) {
                let bare_key = record.selector == KEY;
                let depth = depth.saturating_sub(bare_key.into());
                return Ok(Authority { record: record.clone(), depth, bare_key });
            }
        }
        Err(refused.unwrap_or(Distrust::Policy))
    }
}

/// An authority that the record has whole, so that the server need not send it. A bare key has no
/// name: it may have signed any certificate of the chain.
fn unsent(record: &Tlsa, chain: &[CertificateDer<'_>]) -> Authorities {
    let mut authorities = Authorities::default();
    if record.selector == CERTIFICATE {
        authorities.add(&CertificateDer::from(record.data.as_slice()));
        return authorities;
    }
    let Some(key) = inside(&record.data) else { return authorities };
    for certificate in chain {
        let issuer = certificate::issuer_name(certificate).unwrap_or_default();
        if let Some(subject) = inside(&issuer) {
            authorities.add_anchor(TrustAnchor {
                subject: subject.to_vec().into(),
                subject_public_key_info: key.to_vec().into(),
                name_constraints: None,
            });
        }
    }
    authorities
}

/// What is inside a DER sequence that is the whole of `der`.
fn inside(der: &[u8]) -> Option<&[u8]> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let long = usize::from(first & 0x7f);
    let (length, content) = match first & 0x80 {
        0 => (long, rest),
        _ => {
            let (digits, content) = rest.split_at_checked(long)?;
            let digit =
                |length: usize, byte: &u8| length.checked_mul(256)?.checked_add((*byte).into());
            (digits.iter().try_fold(0, digit)?, content)
        }
    };
    (*tag == 0x30 && content.len() == length).then_some(content)
}

/// The certificates and public keys of a PEM file (`smtp_tls_trust_anchor_file`), as records that
/// let them stand for an authority or for the server itself.
pub fn anchors(pem: &[u8]) -> Vec<Tlsa> {
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem).map_while(Result::ok);
    let records = sections.filter_map(|(kind, data)| match kind {
        SectionKind::Certificate => Some((CERTIFICATE, data)),
        SectionKind::PublicKey => Some((KEY, data)),
        _ => None,
    });
    records
        .flat_map(|(selector, data)| {
            [ANCHOR, SERVER].map(|usage| Tlsa {
                usage,
                selector,
                matching: FULL,
                data: data.clone(),
            })
        })
        .collect()
}

/// The same from a file; what is wrong with it is for the log.
pub fn read_anchors(file: &str) -> Result<Vec<Tlsa>, String> {
    let bytes = std::fs::read(file)
        .map_err(|e| format!("error opening trust anchor file: {file}: {}", why(&e)))?;
    let found = anchors(&bytes);
    if found.is_empty() { Err(format!("no trust anchors in {file}")) } else { Ok(found) }
}

#[cfg(test)]
#[path = "dane_tests.rs"]
mod tests;
