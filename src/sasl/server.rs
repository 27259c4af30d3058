//! How smtpd finds out who a client is (`smtpd_sasl_type`).
//!
//! A kind of authentication is an [`Authenticator`]; one dialogue with a client is an [`Exchange`].
//! smtpd knows nothing else of it, so another kind is another line in [`open`].

use std::fmt::Debug;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

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
    /// Nobody can say; why, if there is news.
    Unknown(Option<String>),
}

/// Where an authenticator is found, from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// `smtpd_sasl_type`
    pub kind: &'a str,
    /// `smtpd_sasl_path`
    pub path: &'a str,
    /// `smtpd_sasl_service`
    pub service: &'a str,
    /// `queue_directory`: where relative paths begin.
    pub queue_directory: &'a Path,
}

/// A kind of authentication that is not built in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unsupported SASL server implementation: {0}")]
pub struct Unsupported(pub String);

/// The kinds that are built in, for `postconf -a`.
pub const KINDS: &[&str] = &[
    #[cfg(feature = "dovecot-sasl")]
    "dovecot",
];

/// Opens what the configuration names. Nothing is connected yet.
pub fn open(source: Source<'_>) -> Result<Arc<dyn Authenticator>, Unsupported> {
    match source.kind {
        #[cfg(feature = "dovecot-sasl")]
        "dovecot" => Ok(Arc::new(super::dovecot::Dovecot::new(source))),
        other => Err(Unsupported(other.to_owned())),
    }
}
