//! The TLS of one service: when it is offered, when it is required, and with what.

use crate::config::{Config, parameters as p};
use crate::lookup::Maps;
#[cfg(feature = "ssl")]
use crate::lookup::TableError;
use crate::tls::words::{Level, LogLevel};

/// What main.cf says.
#[derive(Debug)]
pub struct Encryption {
    /// STARTTLS is announced, or TLS comes before everything else.
    pub offered: bool,
    /// Nothing goes without TLS.
    pub required: bool,
    /// TLS comes before everything else (`smtpd_tls_wrappermode`).
    pub wrapper: bool,
    /// `smtpd_tls_auth_only`
    pub auth_only: bool,
    /// `smtpd_tls_ask_ccert`
    pub asks_certificate: bool,
    /// `smtpd_tls_req_ccert`, where TLS is required.
    #[cfg(feature = "ssl")]
    pub requires_certificate: bool,
    /// `smtpd_tls_enable_rpk`
    pub raw_keys: bool,
    #[cfg(feature = "ssl")]
    log_level: LogLevel,
    #[cfg(feature = "ssl")]
    log_level_maps: Maps,
    /// What does the work; none where there can be no TLS.
    #[cfg(feature = "ssl")]
    pub server: Option<crate::tls::server::Server>,
}

impl Encryption {
    /// Reads it. Warnings are for the log of the service, as it logs them when it starts; an
    /// error is a value with which Postfix does not start either.
    pub fn read(
        config: &Config,
        log_level_maps: Maps,
        warnings: &mut Vec<String>,
    ) -> Result<Self, String> {
        let wrapper = config.bool(&p::smtpd_tls_wrappermode);
        let (offered, required) = policy(config, wrapper, warnings)?;
        let required = required || wrapper;
        let requires_certificate = config.bool(&p::smtpd_tls_req_ccert);
        let offered = offered || required;
        if offered && !required && requires_certificate {
            warnings.push("Can't require client certs unless TLS is required".into());
        }
        let level = config.text(&p::smtpd_tls_loglevel);
        let log_level = LogLevel::parse(&level)
            .ok_or_else(|| format!("unknown smtpd_tls_loglevel value \"{level}\""))?;
        #[cfg(not(feature = "ssl"))]
        drop((log_level, log_level_maps));
        let this = Self {
            offered: offered && cfg!(feature = "ssl"),
            required,
            wrapper,
            auth_only: config.bool(&p::smtpd_tls_auth_only) || required,
            asks_certificate: config.bool(&p::smtpd_tls_ask_ccert),
            #[cfg(feature = "ssl")]
            requires_certificate: requires_certificate && required,
            raw_keys: config.bool(&p::smtpd_tls_enable_rpk),
            #[cfg(feature = "ssl")]
            log_level,
            #[cfg(feature = "ssl")]
            log_level_maps,
            #[cfg(feature = "ssl")]
            server: offered.then(|| server(config, required, warnings)).flatten(),
        };
        if offered && cfg!(not(feature = "ssl")) {
            warnings.push(
                "TLS has been selected, but TLS support is not compiled in: build with the feature \
                 \"ssl\""
                    .into(),
            );
        }
        Ok(this)
    }

    /// Whether there are certificates to encrypt with.
    pub fn has_certificates(&self) -> bool {
        #[cfg(feature = "ssl")]
        return self.server.is_some();
        #[cfg(not(feature = "ssl"))]
        return false;
    }

    /// What the log is to hear about connections of a client (`smtpd_tls_loglevel_maps`,
    /// `smtpd_tls_loglevel`).
    #[cfg(feature = "ssl")]
    pub async fn log_level(&self, name: &str, address: &str) -> Result<LogLevel, TableError> {
        if self.log_level_maps.is_empty() {
            return Ok(self.log_level);
        }
        let mut found = self.log_level_maps.find(name).await?;
        if found.is_none() {
            found = self.log_level_maps.find(address).await?;
        }
        Ok(found.and_then(|level| LogLevel::parse(&level)).unwrap_or(self.log_level))
    }
}

/// Whether TLS is offered, and whether it is required.
fn policy(
    config: &Config,
    wrapper: bool,
    warnings: &mut Vec<String>,
) -> Result<(bool, bool), String> {
    let text = config.text(&p::smtpd_tls_security_level);
    if wrapper || text.is_empty() {
        let required = config.bool(&p::smtpd_enforce_tls);
        return Ok((config.bool(&p::smtpd_use_tls) || required, required));
    }
    match Level::parse(&text) {
        Some(Level::None) => Ok((false, false)),
        Some(Level::May) => Ok((true, false)),
        Some(Level::Encrypt) => Ok((true, true)),
        Some(Level::Fingerprint | Level::Verify | Level::Secure) => {
            warnings.push(format!(
                "smtpd_tls_security_level: unsupported TLS level \"{text}\", using \"encrypt\""
            ));
            Ok((true, true))
        }
        Some(Level::Dane | Level::DaneOnly) | None => Err(format!("Invalid TLS level \"{text}\"")),
    }
}

#[cfg(feature = "ssl")]
fn server(
    config: &Config,
    required: bool,
    warnings: &mut Vec<String>,
) -> Option<crate::tls::server::Server> {
    use crate::tls::server::{Parameters, Server};
    let parameters = Parameters::read(config, required);
    for name in ["smtpd_tls_ciphers", "smtpd_tls_mandatory_ciphers"] {
        let grade = config.text_named(name);
        if !crate::tls::words::is_cipher_grade(&grade) {
            warnings.push(format!("{name}: invalid cipher grade: \"{grade}\""));
            return None;
        }
    }
    warnings.extend(crate::tls::names::unknown_options(config));
    let chains = &parameters.files.chains;
    let has_pairs = ["smtpd_tls_cert_file", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file"]
        .into_iter()
        .any(|name| !["", "none"].contains(&config.text_named(name).to_lowercase().as_str()));
    if !chains.is_empty() && has_pairs {
        warnings.push(
            "Both smtpd_tls_chain_files and one or more of the legacy  smtpd_tls_cert_file, \
             smtpd_tls_eccert_file or smtpd_tls_dcert_file are non-empty; the legacy parameters \
             will be ignored"
                .into(),
        );
    }
    if parameters.files.is_empty() {
        if parameters.asks {
            warnings.push("Need a server cert to request client certs".into());
        }
        warnings.push("No server certs available. TLS won't be enabled".into());
        return None;
    }
    match Server::prepare(parameters, warnings) {
        Ok(server) => Some(server),
        Err(text) => {
            warnings.push(text);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn read(main_cf: &str) -> (Result<(bool, bool), String>, Vec<String>) {
        let sources = Sources { main_cf: main_cf.into(), ..Sources::default() };
        let config = Config::parse(&sources).unwrap();
        let mut warnings = Vec::new();
        let wrapper = config.bool(&p::smtpd_tls_wrappermode);
        (policy(&config, wrapper, &mut warnings), warnings)
    }

    #[test]
    fn levels() {
        let of = |level: &str| read(&format!("smtpd_tls_security_level = {level}\n"));
        assert_eq!(of("none").0, Ok((false, false)));
        assert_eq!(of("may").0, Ok((true, false)));
        assert_eq!(of("encrypt").0, Ok((true, true)));
        assert_eq!(
            of("verify"),
            (
                Ok((true, true)),
                vec![
                    "smtpd_tls_security_level: unsupported TLS level \"verify\", using \"encrypt\""
                        .into()
                ]
            )
        );
        assert!(of("dane").0.is_err() && of("perhaps").0.is_err());
        assert_eq!(read("smtpd_use_tls = yes\n").0, Ok((true, false)));
        assert_eq!(read("smtpd_enforce_tls = yes\n").0, Ok((true, true)));
        assert_eq!(
            read("smtpd_use_tls = yes\nsmtpd_tls_security_level = none\n").0,
            Ok((false, false))
        );
    }
}
