//! Keys: whether they belong to their certificates, and who may read them. The services would say
//! the same at their start, and serve without TLS.

use std::path::Path;

use postfix_rs::config::{Config, split_list};
use postfix_rs::ipc::tls::IdentityFiles;
use postfix_rs::tls::certificate::Certificate;
use postfix_rs::tls::{keys, names};
use x509_parser::pem::Pem;

use super::super::{Finding, Patient, Severity, finding};
use crate::root::{Root, rights};

/// Programs with certificates of their own.
const PROGRAMS: &[&str] = &["smtpd", "smtp", "lmtp"];

pub(super) fn check(patient: &Patient<'_>, findings: &mut Vec<Finding>) {
    let services = patient.services.iter().map(|service| {
        let config = patient.config.with_overrides(&service.overrides);
        (service.program.as_str(), config)
    });
    let mut seen = Vec::new();
    for (program, config) in services.filter(|(program, _)| PROGRAMS.contains(program)) {
        let files = names::identity_files(&config, program);
        if program == "smtpd" {
            without_certificate(&config, &files, findings);
        }
        if seen.contains(&files) {
            continue;
        }
        examine(patient, &files, findings);
        seen.push(files);
    }
}

/// TLS that is wanted and cannot be had.
fn without_certificate(config: &Config, files: &IdentityFiles, findings: &mut Vec<Finding>) {
    let level = config.text_named("smtpd_tls_security_level");
    let is_named = !files.pairs.is_empty() || !split_list(&files.chains).is_empty();
    let by_name = !config.text_named("tls_server_sni_maps").is_empty();
    if matches!(level.as_str(), "may" | "encrypt") && !is_named && !by_name {
        let text = format!("smtpd_tls_security_level = {level}, and there is no certificate");
        let fix = "name one in smtpd_tls_chain_files; for a test: postfix tls enable-server";
        let found = finding("certificates", Severity::Problem, text, fix);
        if !findings.contains(&found) {
            findings.push(found);
        }
    }
}

fn examine(patient: &Patient<'_>, files: &IdentityFiles, findings: &mut Vec<Finding>) {
    let root = &patient.context.machine.root;
    let files = below(root, files);
    let keys = files.pairs.iter().map(|pair| pair.key.as_str());
    let keys: Vec<&str> = keys.chain(split_list(&files.chains)).collect();
    if keys.iter().any(|key| std::fs::read(key).is_err()) {
        // What is missing has been said; what only root may read is root's to check.
        return;
    }
    if let Err(complaints) = keys::load(&files) {
        let fix = "put a certificate and the key it was made with together, then: postfix reload";
        let text = complaints.into_iter().next().unwrap_or_default();
        findings.push(finding("certificates", Severity::Problem, text, fix));
    }
    for key in keys.iter().filter(|key| rights(Path::new(key)).is_some_and(|r| r.0 & 0o004 != 0)) {
        let text = format!("everybody may read the private key in {key}");
        let fix = format!("chmod 600 {key}");
        findings.push(finding("certificates", Severity::Problem, text, fix));
    }
    let certificates = files.pairs.iter().map(|pair| pair.certificates.as_str());
    for file in certificates.chain(split_list(&files.chains)) {
        findings.extend(chain_of(file));
    }
}

/// The same files below the root.
fn below(root: &Root, files: &IdentityFiles) -> IdentityFiles {
    let at = |path: &str| root.at(path).display().to_string();
    let mut files = files.clone();
    for pair in &mut files.pairs {
        (pair.certificates, pair.key) = (at(&pair.certificates), at(&pair.key));
    }
    files.chains = split_list(&files.chains).into_iter().map(at).collect::<Vec<_>>().join(", ");
    files
}

/// Each certificate of a chain is issued by the one behind it; many clients do not look further.
fn chain_of(file: &str) -> Option<Finding> {
    let bytes = std::fs::read(file).ok()?;
    let sections: Vec<Pem> = Pem::iter_from_buffer(&bytes).flatten().collect();
    // Chain files may hold several chains, each behind a key of its own.
    let mut chains = sections.split(|section| section.label.ends_with("PRIVATE KEY"));
    chains.find_map(|chain| {
        let parsed = chain.iter().filter_map(|pem| Certificate::parse(&pem.contents));
        out_of_order(file, &parsed.collect::<Vec<_>>())
    })
}

fn out_of_order(file: &str, chain: &[Certificate]) -> Option<Finding> {
    if let [only] = chain
        && !only.self_issued
    {
        let text = format!(
            "{file} holds the certificate of {} alone: who does not know its issuer cannot verify it",
            only.subject_line
        );
        let fix = "name the file with the whole chain, such as fullchain.pem, unless the issuer is one that all of your clients know";
        return Some(finding("certificates", Severity::Note, text, fix));
    }
    let mut pairs = chain.iter().zip(chain.iter().skip(1));
    let (one, next) = pairs.find(|(one, next)| one.issuer_line != next.subject_line)?;
    let text = format!(
        "{file}: behind the certificate of {} stands that of {}, which has not issued it",
        one.subject_line, next.subject_line
    );
    let fix = "the server's certificate comes first, then that of who issued it, and so on";
    Some(finding("certificates", Severity::Warning, text, fix))
}
