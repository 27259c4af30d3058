//! SASL as one smtpd service is configured to use it: what it offers to whom, and whom it asks.

use std::sync::Arc;

use super::peer::Peer;
use crate::config::master_cf::ServiceLine;
use crate::config::{Config, Problem, parameters as p};
use crate::log::Log;
use crate::lookup::match_list::{HostList, StringList};
use crate::lookup::{TableError, Tables};
use crate::sasl::server::{self, Authenticator, Session, Source};
use crate::sasl::{Options, UnknownOption};

/// SASL of a service that has `smtpd_sasl_auth_enable = yes`.
#[derive(Debug)]
pub struct Sasl {
    /// Who checks credentials.
    pub authenticator: Arc<dyn Authenticator>,
    /// `smtpd_sasl_security_options`
    plain: Options,
    /// `smtpd_sasl_tls_security_options`
    encrypted: Options,
    /// `smtpd_sasl_mechanism_filter`
    filter: StringList,
    /// `smtpd_sasl_exceptions_networks`
    exceptions: HostList,
    /// `broken_sasl_auth_clients`
    pub broken_clients: bool,
    /// `smtpd_sasl_response_limit`, bytes.
    pub response_limit: usize,
}

/// What the log says about the next failure where nothing newer is known, as in Postfix.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// The last thing that the authenticator said.
    pub reason: String,
    /// Whom a client of this session last wanted to be.
    pub username: Option<String>,
}

/// What a session offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The names that are announced, separated by spaces.
    pub announced: String,
    /// The names that may be used.
    allowed: Vec<String>,
}

impl Offer {
    /// Whether `mechanism` may be used.
    pub fn allows(&self, mechanism: &str) -> bool {
        self.allowed.iter().any(|name| name.eq_ignore_ascii_case(mechanism))
    }
}

/// The service cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// Nobody can check credentials, or nothing is good enough.
    #[error("no SASL authentication mechanisms")]
    None,
    /// Nothing passes the filter.
    #[error("smtpd_sasl_mechanism_filter discards all mechanisms in '{0}'")]
    Filtered(String),
    /// The filter is a table that failed.
    #[error("smtpd_sasl_mechanism_filter: {0}")]
    Table(#[from] TableError),
}

/// What is wrong with the logins of `services`, for `postfix check`.
pub fn problems(config: &Config, services: &[ServiceLine]) -> Vec<String> {
    let mut found = Vec::new();
    for service in services.iter().filter(|service| service.program == "smtpd") {
        let view = config.with_overrides(&service.overrides);
        if !view.bool(&p::smtpd_sasl_auth_enable) {
            continue;
        }
        let source = Source::of(&view);
        if let Err(error) = server::check(&source) {
            let own = service.overrides.iter().any(|(name, _)| name == p::smtpd_sasl_type.name);
            let master_cf = config.directory.join("master.cf");
            let place = match config.place(p::smtpd_sasl_type.name).filter(|_| !own) {
                Some(place) => format!("{place}: "),
                None if own => format!("{}, line {}: ", master_cf.display(), service.line),
                None => String::new(),
            };
            let text = format!("{place}smtpd_sasl_type = {}: {error}", source.kind);
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
    found
}

impl Sasl {
    /// By the configuration of a service; none if it has no SASL.
    pub fn open(config: &Config, tables: &Tables, log: &Log) -> Result<Option<Self>, Problem> {
        if !config.bool(&p::smtpd_sasl_auth_enable) {
            return Ok(None);
        }
        let authenticator = server::open(&Source::of(config), log).map_err(|error| {
            log.warning(format_args!("{error}"));
            Problem { text: "SASL per-process initialization failed".into() }
        })?;
        let options = |name: &str, text: &str| {
            Options::parse(text).map_err(|UnknownOption { word, text }| Problem {
                text: format!("unknown {name} value \"{word}\" in \"{text}\""),
            })
        };
        let plain = &p::smtpd_sasl_security_options;
        let encrypted = &p::smtpd_sasl_tls_security_options;
        let filter = &p::smtpd_sasl_mechanism_filter;
        let exceptions = &p::smtpd_sasl_exceptions_networks;
        Ok(Some(Self {
            authenticator,
            plain: options(plain.name, &config.text(plain))?,
            encrypted: options(encrypted.name, &config.text(encrypted))?,
            filter: StringList::parse(tables, filter.name, &config.text(filter))?,
            exceptions: HostList::parse(tables, exceptions.name, &config.text(exceptions))?,
            broken_clients: config.bool(&p::broken_sasl_auth_clients),
            response_limit: config.count(&p::smtpd_sasl_response_limit),
        }))
    }

    /// What is offered in a session.
    pub async fn offer(&self, session: Session<'_>) -> Result<Offer, OfferError> {
        let mechanisms = self.authenticator.mechanisms(session).await;
        let mechanisms = mechanisms.map_err(|server::Unavailable| OfferError::None)?;
        let options = if session.encrypted { self.encrypted } else { self.plain };
        let mut allowed = Vec::with_capacity(mechanisms.len());
        let mut announced = String::new();
        for mechanism in mechanisms {
            if !options.allow(mechanism.properties) {
                continue;
            }
            if self.filter.is_empty() || self.filter.matches(&mechanism.name).await? {
                if !announced.is_empty() {
                    announced.push(' ');
                }
                announced.push_str(&mechanism.name);
            }
            allowed.push(mechanism.name);
        }
        if allowed.is_empty() {
            return Err(OfferError::None);
        }
        if announced.is_empty() {
            return Err(OfferError::Filtered(allowed.join(" ")));
        }
        Ok(Offer { announced, allowed })
    }

    /// Clients that are not told about AUTH, though they may use it.
    pub async fn hides_from(&self, peer: &Peer) -> Result<bool, TableError> {
        if self.exceptions.is_empty() {
            return Ok(false);
        }
        self.exceptions.matches(&peer.name, peer.ip).await
    }
}
