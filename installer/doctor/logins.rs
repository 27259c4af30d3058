//! Passwords that cross the network in clear: those of users, and ours at a relay host.

use postfix_rs::config::{Config, split_list};

use super::{Finding, Patient, Severity, finding};

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in patient.smtpd() {
        let config = patient.config.with_overrides(&service.overrides);
        if takes_in_clear(&config) {
            let text = format!("service {}: users may log in without encryption", service.name);
            let fix = "smtpd_tls_auth_only = yes";
            findings.push(finding("logins", Severity::Warning, text, fix));
        }
    }
    if gives_in_clear(&patient.config) {
        let text = "passwords for other servers may be sent without encryption";
        let fix = "smtp_tls_security_level = encrypt, or smtp_sasl_security_options = noplaintext, noanonymous";
        findings.push(finding("logins", Severity::Warning, text, fix));
    }
    findings
}

fn takes_in_clear(config: &Config) -> bool {
    let is_on = |name: &str| config.bool_named(name);
    let always_encrypted = is_on("smtpd_tls_wrappermode")
        || config.text_named("smtpd_tls_security_level") == "encrypt"
        || is_on("smtpd_enforce_tls");
    is_on("smtpd_sasl_auth_enable")
        && !is_on("smtpd_tls_auth_only")
        && !always_encrypted
        && !no_plain_text(config, "smtpd_sasl_security_options")
}

fn gives_in_clear(config: &Config) -> bool {
    let level = config.text_named("smtp_tls_security_level");
    config.bool_named("smtp_sasl_auth_enable")
        && matches!(level.as_str(), "" | "none" | "may" | "dane")
        && !config.bool_named("smtp_tls_wrappermode")
        && !config.bool_named("smtp_enforce_tls")
        && config.text_named("smtp_tls_policy_maps").is_empty()
        && !no_plain_text(config, "smtp_sasl_security_options")
}

fn no_plain_text(config: &Config, options: &str) -> bool {
    split_list(&config.text_named(options)).contains(&"noplaintext")
}
