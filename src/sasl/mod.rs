//! SASL (RFC 4422): who a client is, and who we are to other servers.
//!
//! * [`server`]: what smtpd asks about its clients. [`server::Authenticator`] is the one interface;
//!   `dovecot` implements it with Dovecot's auth server.
//! * `client`: the mechanisms by which smtp and lmtp log in elsewhere.
//! * [`Options`]: `smtpd_sasl_security_options` and its relatives.

#[cfg(feature = "sasl")]
pub mod client;
#[cfg(feature = "dovecot-sasl")]
mod dovecot;
mod options;
pub mod server;

pub use options::{Options, UnknownOption};
