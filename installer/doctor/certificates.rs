//! Certificates that are missing, unreadable, expired, or about to be; keys that do not belong to
//! them or that others may read; chains out of order.

use std::path::{Path, PathBuf};

use postfix_rs::config::split_list;

use super::{Finding, Patient, Severity, finding};

#[cfg(feature = "ssl")]
mod keys;

/// Parameters with certificates.
const PARAMETERS: &[&str] = &[
    "smtpd_tls_chain_files",
    "smtpd_tls_cert_file",
    "smtpd_tls_eccert_file",
    "smtp_tls_chain_files",
    "smtp_tls_cert_file",
    "smtp_tls_eccert_file",
    "lmtp_tls_cert_file",
];

/// Certificates of a month are renewed every two: less than that, and something went wrong.
#[cfg(feature = "ssl")]
const SOON_DAYS: i64 = 14;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    let overrides = patient.services.iter().flat_map(|service| &service.overrides);
    let overrides = overrides
        .filter(|(name, _)| PARAMETERS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), patient.config.expand(value)));
    let set = PARAMETERS.iter().map(|name| ((*name).to_owned(), patient.config.value(name)));
    for (name, value) in set.chain(overrides) {
        for file in split_list(&value).into_iter().filter(|file| file.starts_with('/')) {
            if !files.iter().any(|(_, known)| known == Path::new(file)) {
                files.push((name.clone(), file.into()));
            }
        }
    }
    let root = &patient.context.machine.root;
    #[cfg_attr(not(feature = "ssl"), expect(unused_mut, reason = "keys are looked at with TLS"))]
    let mut findings: Vec<Finding> =
        files.iter().flat_map(|(name, path)| examine(name, path, &root.at(path))).collect();
    #[cfg(feature = "ssl")]
    keys::check(patient, &mut findings);
    findings
}

fn examine(name: &str, path: &Path, at: &Path) -> Vec<Finding> {
    match std::fs::read(at) {
        Ok(bytes) => expiry(name, path, &bytes),
        Err(e) => {
            let text = format!("{name}: {}: {}", path.display(), postfix_rs::config::why(&e));
            let fix = "put the certificate there, or correct the parameter";
            vec![finding("certificates", Severity::Problem, text, fix)]
        }
    }
}

#[cfg(not(feature = "ssl"))]
fn expiry(_name: &str, _path: &Path, _bytes: &[u8]) -> Vec<Finding> {
    Vec::new()
}

#[cfg(feature = "ssl")]
fn expiry(name: &str, path: &Path, bytes: &[u8]) -> Vec<Finding> {
    use x509_parser::pem::Pem;
    let shown = format!("{name}: {}", path.display());
    let mut any = false;
    let mut findings = Vec::new();
    for pem in Pem::iter_from_buffer(bytes).flatten() {
        let Ok(certificate) = pem.parse_x509() else { continue };
        any = true;
        let days = certificate.validity().time_to_expiration().map(|left| left.whole_days());
        let not_yet = certificate.validity().not_before.timestamp() > now();
        let until = certificate.validity().not_after;
        let renew = "renew it, then: postfix reload";
        match days {
            None if not_yet => {
                let text = format!("{shown} is not valid yet");
                let fix = "look at the clock of this machine";
                findings.push(finding("certificates", Severity::Problem, text, fix));
            }
            None => {
                let text = format!("{shown} has expired: {until}");
                findings.push(finding("certificates", Severity::Problem, text, renew));
            }
            Some(days) if days < SOON_DAYS => {
                let text = format!("{shown} expires in {days} days: {until}");
                findings.push(finding("certificates", Severity::Warning, text, renew));
            }
            Some(_) => {}
        }
    }
    if !any {
        let fix = "it must be a file in PEM format, with the certificate first";
        let text = format!("{shown} holds no certificate");
        findings.push(finding("certificates", Severity::Problem, text, fix));
    }
    findings
}

#[cfg(feature = "ssl")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
