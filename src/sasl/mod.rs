//! SASL (RFC 4422): who a client is, and who we are to other servers.
//!
//! * [`server`]: what smtpd asks about its clients. [`server::Authenticator`] is the one interface.
//!   `dovecot` implements it with Dovecot's auth server; [`own`] plays the mechanisms itself over
//!   users of a file, of Cyrus SASL (`cyrus`), or of PAM.
//! * `client`: the mechanisms by which smtp and lmtp log in elsewhere.
//! * [`Options`]: `smtpd_sasl_security_options` and its relatives.

#[cfg(feature = "sasl")]
pub mod client;
#[cfg(feature = "sasl")]
mod cyrus;
#[cfg(feature = "dovecot-sasl")]
mod dovecot;
#[cfg(feature = "sasl")]
mod hmac;
mod options;
#[cfg(feature = "sasl")]
pub mod own;
#[cfg(feature = "sasl")]
mod prep;
#[cfg(feature = "sasl")]
mod scram_keys;
pub mod server;

pub use options::{Options, UnknownOption};

/// Letters that nobody has used before.
#[cfg(feature = "sasl")]
fn nonce() -> std::io::Result<String> {
    use base64::Engine as _;
    let mut bytes = [0; 18];
    crate::sys::random::fill(&mut bytes)?;
    Ok(base64::engine::general_purpose::STANDARD.encode(bytes))
}
