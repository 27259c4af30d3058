//! Which files main.cf names for certificates, and which names servers are known by.

use crate::config::{Config, parameters as p, split_list};
use crate::ipc::tls::{IdentityFiles, Pair};
use crate::lookup::{Maps, decode_file};

/// Parameters that are accepted and change nothing: finite-field Diffie-Hellman, DSA, OpenSSL's own
/// configuration and randomness, raw public keys.
pub const IDLE: [&str; 24] = [
    "smtpd_tls_dh1024_param_file",
    "smtpd_tls_dh512_param_file",
    "smtpd_tls_dcert_file",
    "smtpd_tls_dkey_file",
    "postscreen_tls_dh1024_param_file",
    "postscreen_tls_dh512_param_file",
    "postscreen_tls_dcert_file",
    "postscreen_tls_dkey_file",
    "smtp_tls_dcert_file",
    "smtp_tls_dkey_file",
    "lmtp_tls_dcert_file",
    "lmtp_tls_dkey_file",
    "smtpd_tls_enable_rpk",
    "postscreen_tls_enable_rpk",
    "smtp_tls_enable_rpk",
    "lmtp_tls_enable_rpk",
    "tls_config_file",
    "tls_config_name",
    "tls_daemon_random_bytes",
    "tls_disable_workarounds",
    "tls_ffdhe_auto_groups",
    "tls_random_bytes",
    "tls_random_source",
    "tls_null_cipherlist",
];

/// The files of a program's own certificates; `prefix` is `smtpd`,
/// `postscreen`, `smtp` or `lmtp`.
pub fn identity_files(config: &Config, prefix: &str) -> IdentityFiles {
    let text = |suffix: &str| config.text_named(&format!("{prefix}_tls_{suffix}"));
    let chains = text("chain_files");
    if !split_list(&chains).is_empty() {
        return IdentityFiles { chains, pairs: Vec::new() };
    }
    let kinds = [("RSA", "cert_file", "key_file"), ("ECDSA", "eccert_file", "eckey_file")];
    let pair = |(kind, certificates, key): (&str, &str, &str)| Pair {
        kind: kind.into(),
        certificates: text(certificates),
        key: text(key),
    };
    let is_named = |pair: &Pair| {
        !pair.certificates.is_empty() && !pair.certificates.eq_ignore_ascii_case("none")
    };
    IdentityFiles { chains, pairs: kinds.into_iter().map(pair).filter(is_named).collect() }
}

/// The cipher list of a grade. Grades that are no more are `medium`.
pub fn cipher_list(config: &Config, grade: &str) -> String {
    if grade.eq_ignore_ascii_case("high") {
        config.text(&p::tls_high_cipherlist)
    } else {
        config.text(&p::tls_medium_cipherlist)
    }
}

/// The key exchange groups of a grade (`smtpd_tls_eecdh_grade`).
pub fn groups(config: &Config, grade: &str) -> String {
    match grade.to_ascii_lowercase().as_str() {
        "strong" => config.text(&p::tls_eecdh_strong_curve),
        "ultra" => config.text(&p::tls_eecdh_ultra_curve),
        _ => config.text(&p::tls_eecdh_auto_curves),
    }
}

/// The words of `tls_ssl_options` that OpenSSL knows, of which only `NO_TICKET` changes anything here.
const OPTIONS: [&str; 7] = [
    "LEGACY_SERVER_CONNECT",
    "NO_TICKET",
    "NO_COMPRESSION",
    "NO_RENEGOTIATION",
    "NO_SESSION_RESUMPTION_ON_RENEGOTIATION",
    "PRIORITIZE_CHACHA",
    "ENABLE_MIDDLEBOX_COMPAT",
];

/// What is to be said about words of `tls_ssl_options` that are neither options nor numbers.
pub fn unknown_options(config: &Config) -> Vec<String> {
    let text = config.text(&p::tls_ssl_options);
    let is_known = |word: &&str| {
        let is_number = word
            .strip_prefix("0x")
            .or_else(|| word.strip_prefix("0X"))
            .is_some_and(|digits| u64::from_str_radix(digits, 16).is_ok());
        is_number || OPTIONS.iter().any(|option| option.eq_ignore_ascii_case(word))
    };
    let unknown = split_list(&text).into_iter().filter(|word| !is_known(word));
    unknown.map(|word| format!("unknown tls_ssl_options value \"{word}\" in \"{text}\"")).collect()
}

/// Looks a server name up in `tls_server_sni_maps`: `mx.example.com`, `.example.com`, `.com`. The
/// error text is for the log.
pub async fn find(maps: &Maps, name: &str) -> Result<Option<Vec<u8>>, String> {
    let mut key = name;
    loop {
        match maps.find(key).await {
            Ok(Some(value)) => {
                return decode_file(value.as_bytes())
                    .map(Some)
                    .map_err(|text| format!("table {}: key {key}: {text}", maps.title()));
            }
            Ok(None) => {}
            Err(_) => return Err(format!("{}: {name} map lookup problem", maps.title())),
        }
        let after = key.get(1..).unwrap_or_default();
        let Some(dot) = after.find('.') else { return Ok(None) };
        key = after.get(dot..).unwrap_or_default();
    }
}

/// Whether a name in a certificate covers a host name. `*` stands for the first label, and for no
/// more: that is for OpenSSL to decide in Postfix, whatever `tls_wildcard_matches_multiple_labels` says.
pub fn covers(certified: &str, host: &str) -> bool {
    let certified = certified.trim_end_matches('.');
    let host = host.trim_end_matches('.');
    if certified.eq_ignore_ascii_case(host) {
        return !host.is_empty();
    }
    let Some(parent) = certified.strip_prefix("*.") else { return false };
    // `*.com` covers nobody.
    if !parent.contains('.') {
        return false;
    }
    let Some(at) = host.len().checked_sub(parent.len()) else { return false };
    let (Some(label), Some(tail)) = (host.get(..at), host.get(at..)) else { return false };
    let Some(label) = label.strip_suffix('.') else { return false };
    tail.eq_ignore_ascii_case(parent) && !label.is_empty() && !label.contains('.')
}

/// Whether a name in a certificate is within a domain (`.example.com` in a match list).
pub fn is_within(certified: &str, domain: &str) -> bool {
    let certified =
        certified.strip_prefix("*.").map_or(certified, |_| certified.get(1..).unwrap_or_default());
    let Some(at) = certified.len().checked_sub(domain.len()) else { return false };
    let own_label = !domain.is_empty() && domain.starts_with('.');
    own_label
        && certified.get(at..).is_some_and(|tail| tail.eq_ignore_ascii_case(domain))
        && (at > 0 || certified.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn certified_names() {
        for (certified, host, good) in [
            ("mx.example.com", "MX.example.com", true),
            ("mx.example.com", "example.com", false),
            ("*.example.com", "mx.example.com", true),
            ("*.example.com", "a.mx.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.com", "example.com", false),
            ("m*.example.com", "mx.example.com", false),
            ("", "", false),
        ] {
            assert_eq!(covers(certified, host), good, "{certified} {host}");
        }
    }

    #[test]
    fn domains() {
        assert!(is_within("mx.example.com", ".example.com"));
        assert!(is_within("*.example.com", ".example.com"));
        assert!(!is_within("example.com", ".example.com"));
        assert!(!is_within("evilexample.com", ".example.com"));
        assert!(!is_within("mx.example.com", ""));
    }

    proptest! {
        #[test]
        fn no_name_panics(a in ".{0,20}", b in ".{0,20}") {
            let _ = (covers(&a, &b), is_within(&a, &b));
        }
    }
}
