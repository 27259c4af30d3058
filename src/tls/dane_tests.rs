//! Records against chains that are made here.

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::*;

/// A root, an authority below it, and a server's certificate.
struct Family {
    root: CertificateDer<'static>,
    middle: CertificateDer<'static>,
    leaf: CertificateDer<'static>,
}

fn family(change: impl FnOnce(&mut CertificateParams, &mut CertificateParams)) -> Family {
    let keys: Vec<KeyPair> = (0..3).map(|_| KeyPair::generate().unwrap()).collect();
    let mut keys = keys.into_iter();
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    };
    let mut root = authority("root");
    let mut leaf = CertificateParams::new(vec!["mx.example.com".into()]).unwrap();
    change(&mut root, &mut leaf);
    let root_key = keys.next().unwrap();
    let root_der = root.self_signed(&root_key).unwrap().der().clone();
    let root = Issuer::new(root, root_key);
    let middle = authority("middle");
    let middle_key = keys.next().unwrap();
    let middle_der = middle.signed_by(&middle_key, &root).unwrap().der().clone();
    let middle = Issuer::new(middle, middle_key);
    let leaf = leaf.signed_by(&keys.next().unwrap(), &middle).unwrap().der().clone();
    Family { root: root_der, middle: middle_der, leaf }
}

impl Family {
    fn new() -> Self {
        family(|_, _| {})
    }

    fn sent(&self) -> Vec<CertificateDer<'static>> {
        vec![self.leaf.clone(), self.middle.clone(), self.root.clone()]
    }
}

fn digests() -> Digests {
    Digests::parse("sha512 sha256").0
}

fn record(usage: u8, selector: u8, matching: u8, certificate: &[u8]) -> Tlsa {
    let bytes = match selector {
        CERTIFICATE => certificate.to_vec(),
        _ => Certificate::parse(certificate).unwrap().public_key,
    };
    let data = digests().kind(matching).map_or_else(|| bytes.clone(), |kind| kind.of(&bytes));
    Tlsa { usage, selector, matching, data }
}

fn verdict(records: &[Tlsa], chain: &[CertificateDer<'_>]) -> Result<(usize, bool), Distrust> {
    assert!(records.iter().all(|record| digests().can_use(record)), "{records:?}");
    digests().verify(records, chain, 9).map(|authority| (authority.depth, authority.bare_key))
}

#[test]
fn the_server_itself_is_listed() {
    let family = Family::new();
    for selector in [CERTIFICATE, KEY] {
        for matching in 0..=2 {
            let good = record(SERVER, selector, matching, &family.leaf);
            assert_eq!(verdict(std::slice::from_ref(&good), &family.sent()), Ok((0, false)));
            // One that is not it changes nothing.
            let other = record(SERVER, selector, matching, &family.root);
            assert_eq!(verdict(&[other.clone(), good], &family.sent()), Ok((0, false)));
            assert_eq!(verdict(&[other], &family.sent()), Err(Distrust::Policy));
        }
    }
}

#[test]
fn times_matter_for_authorities_only() {
    let old = family(|_, leaf| leaf.not_after = rcgen::date_time_ymd(2001, 1, 1));
    assert_eq!(verdict(&[record(SERVER, KEY, 1, &old.leaf)], &old.sent()), Ok((0, false)));
    let by_root = record(ANCHOR, KEY, 1, &old.root);
    assert_eq!(verdict(&[by_root], &old.sent()), Err(Distrust::Expired));
    let dead = family(|root, _| root.not_after = rcgen::date_time_ymd(2001, 1, 1));
    assert_eq!(
        verdict(&[record(ANCHOR, KEY, 1, &dead.root)], &dead.sent()),
        Err(Distrust::Expired)
    );
    assert_eq!(verdict(&[record(ANCHOR, KEY, 1, &dead.middle)], &dead.sent()), Ok((1, false)));
}

#[test]
fn an_authority_is_listed() {
    let family = Family::new();
    for selector in [CERTIFICATE, KEY] {
        for matching in 0..=2 {
            let root = record(ANCHOR, selector, matching, &family.root);
            assert_eq!(verdict(&[root], &family.sent()), Ok((2, false)));
            let middle = record(ANCHOR, selector, matching, &family.middle);
            assert_eq!(verdict(std::slice::from_ref(&middle), &family.sent()), Ok((1, false)));
            // Its chain need not lead any further.
            let short = [family.leaf.clone(), family.middle.clone()];
            assert_eq!(verdict(&[middle], &short), Ok((1, false)));
            // The server's own certificate is no authority.
            let leaf = record(ANCHOR, selector, matching, &family.leaf);
            assert_eq!(verdict(&[leaf], &family.sent()), Err(Distrust::Policy));
        }
    }
}

#[test]
fn an_authority_that_is_not_sent() {
    let family = Family::new();
    let short = [family.leaf.clone(), family.middle.clone()];
    assert_eq!(verdict(&[record(ANCHOR, CERTIFICATE, 0, &family.root)], &short), Ok((2, false)));
    assert_eq!(verdict(&[record(ANCHOR, KEY, 0, &family.root)], &short), Ok((1, true)));
    let alone = [family.leaf.clone()];
    assert_eq!(verdict(&[record(ANCHOR, KEY, 0, &family.middle)], &alone), Ok((0, true)));
    for matching in [1, 2] {
        let digest = record(ANCHOR, KEY, matching, &family.root);
        assert_eq!(verdict(&[digest], &short), Err(Distrust::Policy));
    }
    let stranger = Family::new();
    let by_stranger = record(ANCHOR, KEY, 0, &stranger.root);
    assert_eq!(verdict(&[by_stranger], &short), Err(Distrust::Policy));
}

/// OpenSSL takes a server that is an authority itself, and so does Postfix.
#[test]
fn a_server_that_is_an_authority() {
    let family = family(|_, leaf| leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(verdict(&[record(ANCHOR, KEY, 1, &family.root)], &family.sent()), Ok((2, false)));
    assert_eq!(verdict(&[record(ANCHOR, KEY, 1, &family.middle)], &family.sent()), Ok((1, false)));
    let alone = [family.leaf.clone()];
    assert_eq!(verdict(&[record(ANCHOR, KEY, 0, &family.middle)], &alone), Ok((0, true)));
    let own = record(ANCHOR, KEY, 1, &family.leaf);
    assert!(verdict(&[own], &family.sent()).is_err(), "it is not its own authority");
}

/// An authority has to have signed: a certificate that only lies in the chain proves nothing.
#[test]
fn a_bystander_is_no_authority() {
    let (family, stranger) = (Family::new(), Family::new());
    let chain = [family.leaf.clone(), stranger.root.clone()];
    assert!(verdict(&[record(ANCHOR, KEY, 1, &stranger.root)], &chain).is_err());
    assert!(verdict(&[record(ANCHOR, CERTIFICATE, 0, &stranger.root)], &chain).is_err());
}

#[test]
fn too_many_issuers() {
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(rcgen::DnType::CommonName, "authority 0");
    let key = KeyPair::generate().unwrap();
    let mut chain = vec![root.self_signed(&key).unwrap().der().clone()];
    let mut above = Issuer::new(root, key);
    for number in 1..4 {
        let mut next = CertificateParams::new(vec!["mx.example.com".into()]).unwrap();
        if number < 3 {
            next.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        next.distinguished_name.push(rcgen::DnType::CommonName, format!("authority {number}"));
        let key = KeyPair::generate().unwrap();
        chain.insert(0, next.signed_by(&key, &above).unwrap().der().clone());
        above = Issuer::new(next, key);
    }
    let root = [record(ANCHOR, KEY, 1, &chain[3])];
    assert_eq!(digests().verify(&root, &chain, 0), Err(Distrust::TooLong(1)));
    assert_eq!(digests().verify(&root, &chain, 1).map(|authority| authority.depth), Ok(3));
}

/// RFC 7671 section 9: whoever can forge the weaker digest gains nothing by it.
#[test]
fn the_strongest_digest_counts() {
    let (family, other) = (Family::new(), Family::new());
    let weak = record(SERVER, KEY, 1, &family.leaf);
    let strong = record(SERVER, KEY, 2, &other.leaf);
    assert_eq!(verdict(&[weak.clone(), strong.clone()], &family.sent()), Err(Distrust::Policy));
    // Another selector is another matter, and what is no digest always counts.
    let by_certificate = record(SERVER, CERTIFICATE, 1, &family.leaf);
    assert!(verdict(&[strong.clone(), by_certificate], &family.sent()).is_ok());
    let whole = record(SERVER, KEY, 0, &family.leaf);
    assert!(verdict(&[strong.clone(), whole], &family.sent()).is_ok());
    let turned = Digests::parse("sha256, sha512").0;
    assert!(turned.verify(&[weak, strong], &family.sent(), 9).is_ok());
}

#[test]
fn lists_of_digests() {
    let (digests, odd) = Digests::parse("sha512=2, SHA256 sha384=3 =4");
    assert!(odd.is_empty(), "{odd:?}");
    let ranks = [1, 2, 3, 4].map(|number| digests.rank(number));
    assert_eq!(ranks, [Some(1), Some(0), Some(2), None]);
    for (text, complaint) in [
        ("sha384", "tls_dane_digests: digest algorithm sha384 needs an explicit number"),
        ("sha512=1", "tls_dane_digests: matching type 1 can only be sha256"),
        ("sha256=2", "tls_dane_digests: matching type 2 can only be sha512"),
        ("x=7", "tls_dane_digests: digest algorithm \"x\"(7) unknown"),
        ("sha384=255", "Reserved matching type number in tls_dane_digests: sha384=255"),
        ("sha384=x", "Invalid matching type number in tls_dane_digests: sha384=x"),
        ("sha256 sha256", "tls_dane_digests: matching type 1 specified more than once"),
    ] {
        assert_eq!(Digests::parse(text).1, [complaint]);
    }
}

#[test]
fn records_of_no_use() {
    let family = Family::new();
    let good = record(SERVER, KEY, 1, &family.leaf);
    let digests = digests();
    assert!(digests.can_use(&good));
    for bad in [
        Tlsa { usage: 1, ..good.clone() },
        Tlsa { usage: 4, ..good.clone() },
        Tlsa { selector: 2, ..good.clone() },
        Tlsa { matching: 3, ..good.clone() },
        Tlsa { matching: 2, ..good.clone() },
        Tlsa { matching: 0, ..good.clone() },
        Tlsa { data: vec![1; 31], ..good.clone() },
        Tlsa { data: Vec::new(), ..good },
        Tlsa {
            data: [&family.leaf[..], b"x"].concat(),
            ..record(SERVER, CERTIFICATE, 0, &family.leaf)
        },
    ] {
        assert!(!digests.can_use(&bad), "{bad:?}");
    }
    assert!(!Digests::parse("sha512").0.can_use(&record(SERVER, KEY, 1, &family.leaf)));
}

#[test]
fn trust_anchors_of_the_configuration() {
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec!["mx.example.com".into()]).unwrap();
    let own = own.self_signed(&key).unwrap();
    let pem = format!("comment\n{}{}{}", own.pem(), key.public_key_pem(), key.serialize_pem());
    let anchors = anchors(pem.as_bytes());
    let numbers: Vec<_> = anchors.iter().map(|a| (a.usage, a.selector, a.matching)).collect();
    assert_eq!(numbers, [(2, 0, 0), (3, 0, 0), (2, 1, 0), (3, 1, 0)]);
    assert_eq!(verdict(&anchors[..2], &[own.der().clone()]), Ok((0, false)));
    assert_eq!(verdict(&anchors[2..], &[own.der().clone()]), Ok((0, false)));
    assert!(super::anchors(b"nothing").is_empty());
}

#[test]
fn sequences() {
    assert_eq!(inside(&[0x30, 2, 1, 2]), Some(&[1, 2][..]));
    assert_eq!(inside(&[0x30, 0x81, 2, 1, 2]), Some(&[1, 2][..]));
    for bad in [&[][..], &[0x30], &[0x31, 0], &[0x30, 3, 1, 2], &[0x30, 0x89, 1], &[0x30, 0x80]] {
        assert_eq!(inside(bad).filter(|inside| !inside.is_empty()), None, "{bad:?}");
    }
}

proptest! {
    /// Whatever DNS and a server say, it is a verdict.
    #[test]
    fn audit_no_record_panics(
        usage in 0_u8..5, selector in 0_u8..3, matching in 0_u8..4,
        data in proptest::collection::vec(any::<u8>(), 0..80),
        certificate in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let record = Tlsa { usage, selector, matching, data: data.clone() };
        let _ = digests().can_use(&record);
        let chain = [CertificateDer::from(certificate), CertificateDer::from(data.clone())];
        let _ = digests().verify(&[record], &chain, 9);
        let _ = (inside(&data), anchors(&data));
    }

    #[test]
    fn no_list_of_digests_panics(text in ".{0,30}") {
        let _ = Digests::parse(&text);
    }
}
