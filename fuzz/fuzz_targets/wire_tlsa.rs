//! TLSA records against what a server shows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use postfix_rs::tls::dane::{Digests, anchors};
use postfix_rs::wire::tlsa::Tlsa;
use rustls_pki_types::CertificateDer;

fuzz_target!(|data: &[u8]| {
    let at = data.len().min(usize::from(data.first().copied().unwrap_or_default()));
    let (record, certificate) = data.split_at(at);
    let Ok(record) = Tlsa::parse(record) else { return };
    let _ = (record.shown(), record.to_string());
    let (digests, _) = Digests::parse("sha512 sha256");
    let chain = [CertificateDer::from(certificate), CertificateDer::from(record.data.clone())];
    let _ = (digests.can_use(&record), digests.verify(&[record], &chain, 9), anchors(data));
});
