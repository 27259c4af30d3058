//! How smtpd finds out who a client is (`smtpd_sasl_type`).
//!
//! A kind of authentication is an [`Authenticator`]; one dialogue with a client is an [`Exchange`].
//! smtpd knows nothing else of it, so another kind is another line in [`open`].

use std::fmt::Debug;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use crate::config::{Config, parameters as p};
use crate::log::Log;
use crate::wire::dovecot_auth::Properties;

/// Something that takes time.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A way to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// Such as `PLAIN`.
    pub name: String,
    /// What it is like.
    pub properties: Properties,
}

/// The session in which somebody wants to log in.
#[derive(Clone, Copy, Debug)]
pub struct Session<'a> {
    /// Our address; empty if there is none.
    pub server_address: &'a str,
    /// The client's address; empty if there is none.
    pub client_address: &'a str,
    /// It is encrypted.
    pub encrypted: bool,
    /// Its log.
    pub log: &'a Log,
}

/// No mechanisms can be had; the log has been told why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no SASL authentication mechanisms")]
pub struct Unavailable;

/// What checks credentials. One value serves all sessions of a service.
pub trait Authenticator: Debug + Send + Sync {
    /// The mechanisms that there are, in the order in which clients are to see them. Not yet
    /// filtered by security options.
    fn mechanisms<'a>(
        &'a self,
        session: Session<'a>,
    ) -> Pending<'a, Result<Vec<Mechanism>, Unavailable>>;

    /// Begins with a mechanism that was offered, and what the client sent along with it, in
    /// base64 unless it is malformed.
    fn begin<'a>(
        &'a self,
        session: Session<'a>,
        mechanism: &'a str,
        initial: Option<&'a str>,
    ) -> Pending<'a, (Step, Option<Box<dyn Exchange>>)>;

    /// Whether the log of a login shows no name that an earlier one of the session had.
    fn forgets_names(&self) -> bool {
        false
    }

    /// What comes of a mechanism that was not offered.
    fn not_offered(&self, _session: Session<'_>, mechanism: &str) -> Step {
        Step::Malformed(format!("Invalid authentication mechanism: '{mechanism}'"))
    }
}

/// A dialogue that goes on after a challenge.
pub trait Exchange: Debug + Send {
    /// The client's response, in base64 unless it is malformed.
    fn respond<'a>(&'a mut self, session: Session<'a>, response: &'a str) -> Pending<'a, Step>;
}

/// What comes next in a dialogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client must answer this (base64).
    Challenge(String),
    /// It has proved to be this user.
    Accepted(String),
    /// It has not.
    Refused {
        /// Why, if it is to be told.
        reason: String,
        /// Who it wanted to be, as far as that is known.
        username: Option<String>,
    },
    /// What it said, or was told, cannot be used. Nothing has been found out about who it is.
    Malformed(String),
    /// Nobody can say.
    Unknown {
        /// Why, if there is news.
        reason: Option<String>,
        /// Who it wanted to be, as far as that is known.
        username: Option<String>,
    },
}

/// Where an authenticator is found, from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// `smtpd_sasl_type`
    pub kind: String,
    /// `smtpd_sasl_path`
    pub path: String,
    /// `smtpd_sasl_service`
    pub service: String,
    /// `queue_directory`: where Dovecot's relative paths begin.
    pub queue_directory: PathBuf,
    /// The folder of main.cf: where relative paths of user files begin.
    pub config_directory: PathBuf,
    /// `cyrus_sasl_config_path`
    pub cyrus_folders: String,
    /// `smtpd_sasl_local_domain`
    pub realm: String,
    /// `myhostname`
    pub hostname: String,
}

impl Source {
    /// As a service is configured.
    pub fn of(config: &Config) -> Self {
        Self {
            kind: config.text(&p::smtpd_sasl_type),
            path: config.text(&p::smtpd_sasl_path),
            service: config.text(&p::smtpd_sasl_service),
            queue_directory: config.queue_directory(),
            config_directory: config.directory.clone(),
            cyrus_folders: config.text(&p::cyrus_sasl_config_path),
            realm: config.text(&p::smtpd_sasl_local_domain),
            hostname: config.text(&p::myhostname),
        }
    }
}

/// Why logins cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A kind of authentication that is not built in.
    #[error("unsupported SASL server implementation: {0}")]
    Unsupported(String),
    /// A kind that was left out at build time.
    #[error("unsupported SASL server implementation: {what}: build with USE=\"{flag}\"")]
    LeftOut {
        /// The kind.
        what: String,
        /// The USE flag, which is also the name of the cargo feature.
        flag: &'static str,
    },
    /// Its own configuration is no good.
    #[error("{0}")]
    Bad(String),
}

impl OpenError {
    /// `what` needs a flag.
    pub(super) fn left_out(what: &str, flag: &'static str) -> Self {
        Self::LeftOut { what: what.to_owned(), flag }
    }
}

/// All kinds, with the flags that they need.
const ALL: &[(&str, &str, bool)] = &[
    ("cyrus", "sasl", cfg!(feature = "sasl")),
    ("dovecot", "dovecot-sasl", cfg!(feature = "dovecot-sasl")),
    ("file", "sasl", cfg!(feature = "sasl")),
    ("pam", "pam", cfg!(feature = "pam")),
];

/// The kinds that are built in, for `postconf -a`.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    ALL.iter().filter(|(.., built_in)| *built_in).map(|(kind, ..)| *kind)
}

/// Whether a kind can be had at all.
pub fn check_kind(kind: &str) -> Result<(), OpenError> {
    match ALL.iter().find(|(known, ..)| *known == kind) {
        Some((.., true)) => Ok(()),
        Some((_, flag, false)) => Err(OpenError::left_out(kind, flag)),
        None => Err(OpenError::Unsupported(kind.to_owned())),
    }
}

/// Opens what the configuration names. Nothing is connected yet.
pub fn open(source: &Source, log: &Log) -> Result<Arc<dyn Authenticator>, OpenError> {
    let _ = log;
    check_kind(&source.kind)?;
    match source.kind.as_str() {
        #[cfg(feature = "dovecot-sasl")]
        "dovecot" => Ok(Arc::new(super::dovecot::Dovecot::new(source))),
        #[cfg(feature = "sasl")]
        "cyrus" => Ok(Arc::new(super::cyrus::open(source, log)?)),
        #[cfg(feature = "sasl")]
        "file" => {
            let file = super::own::user_file::UserFile::new(user_file(source));
            let store = super::own::Store::File(Arc::new(file));
            Ok(Arc::new(super::own::Own::new(source, store, &super::own::ALL)))
        }
        #[cfg(feature = "pam")]
        "pam" => {
            let store = super::own::Store::Pam(super::own::pam::Pam::new(source));
            Ok(Arc::new(super::own::Own::new(source, store, &super::own::ALL)))
        }
        other => Err(OpenError::Unsupported(other.to_owned())),
    }
}

/// Whether logins need the process that asks PAM.
pub fn needs_pam(source: &Source) -> bool {
    match source.kind.as_str() {
        "pam" => cfg!(feature = "pam"),
        #[cfg(feature = "pam")]
        "cyrus" => super::cyrus::method_of(source) == Some(super::cyrus::Method::Pam),
        _ => false,
    }
}

/// What is wrong with what the configuration names, as far as can be told without a login.
pub fn check(source: &Source) -> Result<(), OpenError> {
    check_kind(&source.kind)?;
    match source.kind.as_str() {
        #[cfg(feature = "sasl")]
        "cyrus" => super::cyrus::check(source),
        #[cfg(feature = "sasl")]
        "file" => {
            let path = user_file(source);
            std::fs::metadata(&path).map(|_| ()).map_err(|e| {
                let why = crate::config::why(&e);
                OpenError::Bad(format!("{}: {why}: make it with postpasswd add", path.display()))
            })
        }
        _ => Ok(()),
    }
}

/// Files that are read while logins go on.
pub fn files(source: &Source) -> Vec<PathBuf> {
    match source.kind.as_str() {
        #[cfg(feature = "sasl")]
        "file" => vec![user_file(source)],
        #[cfg(feature = "sasl")]
        "cyrus" => super::cyrus::files_of(source),
        _ => Vec::new(),
    }
}

/// The file of users that a `file` login reads. `smtpd`, the default of `smtpd_sasl_path`, is the
/// name of no such file.
pub fn user_file(source: &Source) -> PathBuf {
    let name = if source.path == "smtpd" { USER_FILE } else { &source.path };
    source.config_directory.join(name)
}

/// Where users are unless `smtpd_sasl_path` says.
const USER_FILE: &str = "sasl_users";
